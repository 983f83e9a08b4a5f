-- The next members, and how many of them speak against it: rows that are open, or a legal hold.
SELECT COALESCE(MAX(p.id), 0), COUNT(*),
       COALESCE(SUM(CASE WHEN p.status IN ('held', 'queued', 'sending', 'in_doubt') OR n.legal_hold IS NOT NULL THEN 1 ELSE 0 END), 0)
FROM (SELECT m.id, m.status, m.notice_id FROM affected_members m WHERE m.notice_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $3) p
JOIN notices n ON n.id = p.notice_id
