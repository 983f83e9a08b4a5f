SELECT id, member_no, name, email, given_email, cohorts, payments, fields, batch_id, status, reason, round, queued_at, attempts, possible_duplicate
FROM affected_members WHERE notice_id = $1 AND id > $2 ORDER BY id LIMIT $3
