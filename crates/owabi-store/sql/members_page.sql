SELECT id, member_no, name, email, cohorts, payments, fields, status, round FROM affected_members
WHERE notice_id = $1 AND id > $2 AND ($3 = '' OR status = $3) ORDER BY id LIMIT $4
