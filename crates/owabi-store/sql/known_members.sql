SELECT id, member_no, name, email, cohorts, payments, fields, status, batch_id FROM affected_members
WHERE notice_id = $1 AND member_no IN (SELECT r.member_no FROM /*rows $2: member_no text*/ r)
