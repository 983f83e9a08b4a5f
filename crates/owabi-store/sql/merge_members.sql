UPDATE affected_members
SET name = r.name, email = r.email, cohorts = r.cohorts, payments = r.payments, fields = r.fields, status = r.status,
    reason = r.reason, given_email = COALESCE(r.given_email, affected_members.given_email), updated_at = $2
FROM /*rows $1: id bigint, name text, email text, given_email text, cohorts text, payments text, fields text, status text, reason text*/ r
WHERE affected_members.id = r.id AND affected_members.status IN ('held', 'unreachable')
