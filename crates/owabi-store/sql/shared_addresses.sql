SELECT COUNT(*) FROM (SELECT email FROM affected_members WHERE notice_id = $1 AND email IS NOT NULL GROUP BY email HAVING COUNT(*) > 1) s
