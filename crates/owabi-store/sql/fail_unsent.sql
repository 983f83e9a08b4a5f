-- A row that cannot even be rendered: failed without an attempt, shown with its reason.
UPDATE affected_members
SET status = 'failed', reason = r.reason, due_at = NULL, updated_at = $2
FROM /*rows $1: id bigint, fence bigint, reason text*/ r
WHERE affected_members.id = r.id AND affected_members.status = 'sending' AND affected_members.fence = r.fence
