-- One row an attempt, and one for a member without any; pages go on after (member id, number).
SELECT m.id, COALESCE(i.number, 0), m.notice_id, m.member_no, m.email, m.status, COALESCE(a.at, i.at, m.updated_at), i.relay,
       a.code, a.enhanced, a.reply, a.outcome, COALESCE(i.possible_duplicate, m.possible_duplicate), i.message_id, a.queue_id,
       a.reason, a.phase, a.tls, a.duration_ms, i.mail_sha256, i.envid, i.rcpt_to, m.reason
FROM affected_members m
LEFT JOIN intents i ON i.member_id = m.id
LEFT JOIN attempts a ON a.member_id = m.id AND a.number = i.number
WHERE (m.id > $1 OR (m.id = $1 AND COALESCE(i.number, 0) > $2))
  AND ($3 = '' OR m.notice_id = $3)
  AND ($4 = '' OR m.member_no = $4)
  AND ($5 = '' OR m.status = $5)
  AND COALESCE(a.at, i.at, m.updated_at) >= $6
ORDER BY m.id, COALESCE(i.number, 0)
LIMIT $7
