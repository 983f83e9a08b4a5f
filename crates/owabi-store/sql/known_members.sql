SELECT id, member_no, name, email, cohorts, payments, fields, status, batch_id, queued_at FROM affected_members
WHERE notice_id = $1 AND member_no /*among $2*/
