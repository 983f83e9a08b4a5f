-- What the receipts make of their members, each guarded by the status and fence that was decided upon.
WITH free AS (
    SELECT m.id, r.after, r.why, r.possible_duplicate
    FROM /*rows $1: id bigint, fence bigint, before text, after text, why text, possible_duplicate bigint*/ r
    JOIN affected_members m ON m.id = r.id
    WHERE m.status = r.before AND m.fence = r.fence
    /*skip locked*/
)
UPDATE affected_members
SET status = free.after, reason = free.why, due_at = NULL, possible_duplicate = free.possible_duplicate <> 0, updated_at = $2
FROM free
WHERE affected_members.id = free.id
RETURNING affected_members.id
