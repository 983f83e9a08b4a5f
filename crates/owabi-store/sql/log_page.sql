-- Of these members: one row an attempt, one for a mail under way, one for a member without either; those after (member id, number).
-- A COUNT is looked up row by row; for an EXISTS in that place PostgreSQL would first read all intents. A resend batch's are the
-- attempts from that resend on, up to the member's next. COALESCE keeps PostgreSQL from beginning with all attempts of a code.
SELECT m.id, COALESCE(a.number, i.number, 0), m.notice_id, m.member_no, m.email, m.status, COALESCE(a.at, i.at, m.updated_at), i.relay,
       a.code, a.enhanced, a.reply, a.outcome, COALESCE(i.possible_duplicate, m.possible_duplicate), i.message_id, a.queue_id,
       a.reason, a.phase, a.tls, a.duration_ms, i.mail_sha256, i.envid, i.rcpt_to, m.reason,
       m.name, m.given_email
FROM /*rows $1: id bigint*/ p
CROSS JOIN affected_members m
CROSS JOIN (SELECT 0 AS under_way UNION ALL SELECT 1) w
LEFT JOIN attempts a ON a.member_id = m.id AND w.under_way = 0
LEFT JOIN intents i ON i.member_id = m.id AND i.number = CASE w.under_way WHEN 0 THEN a.number ELSE m.tries + 1 END
WHERE m.id = p.id AND (m.id > $2 OR COALESCE(a.number, i.number, 0) > $3)
  AND (a.number IS NOT NULL OR (w.under_way = 1 AND i.number IS NOT NULL)
       OR (w.under_way = 0 AND m.tries = 0
           AND (SELECT COUNT(*) FROM intents u WHERE u.member_id = m.id AND u.number = 1) = 0))
  AND ($4 = '[]' OR m.status /*among $4*/)
  AND COALESCE(a.at, i.at, m.updated_at) >= $5 AND COALESCE(a.at, i.at, m.updated_at) < $6
  AND ($7 = '' OR lower(COALESCE(i.rcpt_to, m.email)) LIKE '%@' || $7)
  AND ($8 = 0 OR (COALESCE(a.code, 0) >= $8 AND COALESCE(a.code, 0) <= $9))
  AND ($10 = '' OR COALESCE(a.enhanced, '') LIKE $10)
  AND ($11 = '[]' OR COALESCE(a.outcome, 'none') /*among $11*/)
  AND ($12 = '' OR m.batch_id = $12
       OR (SELECT COUNT(*) FROM resends r WHERE r.member_id = m.id AND r.batch_id = $12
             AND COALESCE(a.number, i.number, 0) > r.tries_before
             AND (SELECT COUNT(*) FROM resends later WHERE later.member_id = m.id AND later.round = r.round + 1
                    AND later.tries_before < COALESCE(a.number, i.number, 0)) = 0) > 0)
