-- $1 outcomes, $2 intents, $3 now: the three statements of a group share their parameters (record.rs).
UPDATE affected_members
SET status = r.status, reason = r.why, due_at = r.due_at, attempts = affected_members.attempts + r.spent, tries = affected_members.tries + 1,
    plain_form = affected_members.plain_form OR r.plain_form <> 0, updated_at = $3
FROM /*outcomes*/ r
WHERE affected_members.id = r.id AND affected_members.status = 'sending' AND affected_members.fence = r.fence
RETURNING affected_members.id, affected_members.fence, affected_members.tries /*with the outcome*/
