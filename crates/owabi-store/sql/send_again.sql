-- What evidence did not settle in time is sent again, flagged; a NULL due_at waits for a person.
UPDATE affected_members
SET status = 'queued', possible_duplicate = TRUE, updated_at = $1
WHERE status = 'in_doubt' AND due_at <= $1
  AND EXISTS (SELECT 1 FROM notices n WHERE n.id = affected_members.notice_id AND n.state = 'released')
