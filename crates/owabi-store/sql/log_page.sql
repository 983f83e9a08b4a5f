-- One row an attempt, one for a mail under way, one for a member without either; pages go on after (member id, number).
-- A COUNT is looked up row by row; for an EXISTS in that place PostgreSQL would first read all intents.
SELECT m.id, COALESCE(a.number, i.number, 0), m.notice_id, m.member_no, m.email, m.status, COALESCE(a.at, i.at, m.updated_at), i.relay,
       a.code, a.enhanced, a.reply, a.outcome, COALESCE(i.possible_duplicate, m.possible_duplicate), i.message_id, a.queue_id,
       a.reason, a.phase, a.tls, a.duration_ms, i.mail_sha256, i.envid, i.rcpt_to, m.reason,
       m.name, m.given_email
FROM affected_members m
CROSS JOIN (SELECT 0 AS under_way UNION ALL SELECT 1) w
LEFT JOIN attempts a ON a.member_id = m.id AND w.under_way = 0
LEFT JOIN intents i ON i.member_id = m.id AND i.number = CASE w.under_way WHEN 0 THEN a.number ELSE m.tries + 1 END
WHERE m.id >= $1 AND (m.id > $1 OR (m.id = $1 AND COALESCE(a.number, i.number, 0) > $2))
  AND (a.number IS NOT NULL OR (w.under_way = 1 AND i.number IS NOT NULL)
       OR (w.under_way = 0 AND m.tries = 0
           AND (SELECT COUNT(*) FROM intents u WHERE u.member_id = m.id AND u.number = 1) = 0))
  AND ($3 = '' OR m.notice_id = $3)
  AND ($4 = '' OR m.member_no = $4)
  AND ($5 = '' OR m.status = $5)
  AND COALESCE(a.at, i.at, m.updated_at) >= $6
ORDER BY m.id, COALESCE(a.number, i.number, 0)
LIMIT $7
