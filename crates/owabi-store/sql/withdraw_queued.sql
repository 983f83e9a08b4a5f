-- What came back to the queue of a notice that was withdrawn meanwhile. EXISTS says at once when nothing did.
WITH gone AS (
    SELECT m.id FROM affected_members m
    WHERE m.status = 'queued' AND m.notice_id IN (SELECT n.id FROM notices n WHERE n.state = 'withdrawn')
      AND EXISTS (SELECT 1 FROM notices w WHERE w.state = 'withdrawn' AND
          (SELECT q.due_at FROM affected_members q WHERE q.notice_id = w.id AND q.status = 'queued' ORDER BY q.due_at LIMIT 1) IS NOT NULL)
    /*skip locked*/
)
UPDATE affected_members
SET status = 'withdrawn', due_at = NULL, updated_at = $1,
    reason = (SELECT n.state_reason FROM notices n WHERE n.id = affected_members.notice_id)
FROM gone
WHERE affected_members.id = gone.id
