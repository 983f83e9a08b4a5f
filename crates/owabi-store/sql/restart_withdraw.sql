-- What came back to the queue of a notice that was withdrawn meanwhile.
UPDATE affected_members
SET status = 'withdrawn', due_at = NULL, updated_at = $1,
    reason = (SELECT n.state_reason FROM notices n WHERE n.id = affected_members.notice_id)
WHERE status = 'queued' AND notice_id IN (SELECT n.id FROM notices n WHERE n.state = 'withdrawn')
