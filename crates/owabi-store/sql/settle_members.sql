UPDATE affected_members
SET status = r.status, reason = r.reason, due_at = r.due_at, attempts = affected_members.attempts + r.spent, tries = affected_members.tries + 1,
    plain_form = affected_members.plain_form OR r.plain_form <> 0, updated_at = $2
FROM /*rows $1: id bigint, fence bigint, status text, reason text, due_at bigint, spent bigint, plain_form bigint*/ r
WHERE affected_members.id = r.id AND affected_members.status = 'sending' AND affected_members.fence = r.fence
RETURNING affected_members.id
