-- Rows that a worker claimed and will not try: back in the queue, nothing used. Never one whose body may leave.
-- Those of a notice that was withdrawn meanwhile are withdrawn with it.
UPDATE affected_members
SET status = CASE WHEN r.gone THEN 'withdrawn' ELSE 'queued' END,
    due_at = CASE WHEN r.gone THEN NULL ELSE r.due_at END,
    reason = CASE WHEN r.gone THEN r.why ELSE affected_members.reason END,
    updated_at = $2
FROM (SELECT b.id, b.fence, b.due_at, n.state = 'withdrawn' AS gone, n.state_reason AS why
      FROM /*rows $1: id bigint, fence bigint, due_at bigint*/ b
      JOIN affected_members m ON m.id = b.id
      JOIN notices n ON n.id = m.notice_id) r
WHERE affected_members.id = r.id AND affected_members.status = 'sending' AND affected_members.fence = r.fence
  AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.member_id = affected_members.id AND i.number = affected_members.tries + 1)
