-- What came back to the queue of a notice that was withdrawn meanwhile.
WITH gone AS (
    SELECT m.id FROM affected_members m
    WHERE m.status = 'queued' AND m.notice_id IN (SELECT n.id FROM notices n WHERE n.state = 'withdrawn')
    /*skip locked*/
)
UPDATE affected_members
SET status = 'withdrawn', due_at = NULL, updated_at = $1,
    reason = (SELECT n.state_reason FROM notices n WHERE n.id = affected_members.notice_id)
FROM gone
WHERE affected_members.id = gone.id
