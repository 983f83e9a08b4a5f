-- Rows that a worker claimed and will not try: back in the queue, nothing used. Never one whose body may leave.
UPDATE affected_members
SET status = 'queued', due_at = r.due_at, updated_at = $2
FROM /*rows $1: id bigint, fence bigint, due_at bigint*/ r
WHERE affected_members.id = r.id AND affected_members.status = 'sending' AND affected_members.fence = r.fence
  AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.member_id = affected_members.id AND i.number = affected_members.tries + 1)
