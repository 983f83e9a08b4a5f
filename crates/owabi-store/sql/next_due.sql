-- When the next waiting row of a notice is due.
SELECT (SELECT m.due_at FROM affected_members m
        WHERE m.status = 'queued' AND m.notice_id = $1 ORDER BY m.due_at LIMIT 1)
