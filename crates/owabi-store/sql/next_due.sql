-- When the next waiting row of a notice is due. A row under way has a lease there, which is no time of sending.
SELECT MIN(m.due_at) FROM affected_members m
WHERE m.status IN ('queued', 'sending') AND m.status = 'queued' AND m.notice_id = $1
