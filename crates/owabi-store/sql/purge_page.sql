-- The next members, locked: what others record of them is there already, or waits. And whether something speaks against it.
SELECT m.id, m.status IN ('held', 'queued', 'sending', 'in_doubt')
             OR EXISTS (SELECT 1 FROM notices n WHERE n.id = m.notice_id AND (n.legal_hold IS NOT NULL OR n.purged_at IS NULL))
FROM affected_members m WHERE m.notice_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $3
/*for update*/
