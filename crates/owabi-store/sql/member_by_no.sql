SELECT id, member_no, name, email, cohorts, payments, fields, status, round FROM affected_members
WHERE notice_id = $1 AND member_no = $2
