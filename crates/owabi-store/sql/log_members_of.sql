-- The same of one notice.
SELECT id FROM affected_members WHERE notice_id = $3 AND id >= $1 ORDER BY id LIMIT $2
