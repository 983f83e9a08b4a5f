-- Whoever was taken out before any release is held again, as the further roster has them.
UPDATE affected_members
SET name = r.name, email = r.email, cohorts = r.cohorts, payments = r.payments, fields = r.fields, status = r.status,
    reason = r.reason, given_email = r.given_email, updated_at = $2
FROM /*rows $1: id bigint, name text, email text, given_email text, cohorts text, payments text, fields text, status text, reason text*/ r
WHERE affected_members.id = r.id AND affected_members.status = 'withdrawn' AND affected_members.queued_at IS NULL
