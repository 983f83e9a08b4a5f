-- Mails of a notice that left since $2 and failed: refused for good, given up, or bounced. Not by a relay's own fault, which is unspent.
SELECT COUNT(*) FROM affected_members m
WHERE m.notice_id = $1 AND m.status IN ('failed', 'bounced') AND m.updated_at >= $2
  AND EXISTS (SELECT 1 FROM attempts a WHERE a.member_id = m.id AND a.number = m.tries AND a.at >= $2
              AND (a.spent OR m.status = 'bounced'))
