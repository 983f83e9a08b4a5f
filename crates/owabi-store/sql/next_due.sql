-- The oldest row that a released notice owes, and how many are due now.
SELECT MIN(m.due_at) FROM affected_members m
WHERE m.status IN ('queued', 'sending') AND m.notice_id = $1
