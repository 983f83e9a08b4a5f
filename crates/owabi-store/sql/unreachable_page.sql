-- Whom mail did not reach, with the words that say why: a bounced one's are those of the receipt that made it so, another's those
-- of the last attempt. $2 <> 0: instead those whose mail is in doubt and waits for a
-- person: it has no time, or its notice was withdrawn.
SELECT m.id, m.member_no, m.name, m.email, m.given_email, m.status, m.reason, m.updated_at,
       CASE WHEN r.id IS NULL THEN a.code END,
       CASE WHEN r.id IS NULL THEN a.enhanced ELSE r.status END,
       CASE WHEN r.id IS NULL THEN a.reply ELSE r.detail END,
       COALESCE((SELECT MAX(c.at) FROM corrections c WHERE c.member_id = m.id) >= m.updated_at, FALSE)
FROM affected_members m
LEFT JOIN attempts a ON a.member_id = m.id AND a.number = m.tries
LEFT JOIN receipts r ON m.status = 'bounced'
    AND r.id = (SELECT MAX(x.id) FROM receipts x
                WHERE x.member_id = m.id AND x.status_after = 'bounced' AND x.status_before <> 'bounced')
WHERE m.notice_id = $1 AND m.id > $3
  AND (($2 = 0 AND m.status IN ('unreachable', 'failed', 'bounced')) OR ($2 <> 0 AND m.status = 'in_doubt'
           AND (m.due_at IS NULL OR EXISTS (SELECT 1 FROM notices n WHERE n.id = m.notice_id AND n.state = 'withdrawn'))))
ORDER BY m.id
LIMIT $4
