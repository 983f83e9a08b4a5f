INSERT INTO affected_members (notice_id, member_no, name, email, given_email, cohorts, payments, fields, status, reason, batch_id, updated_at)
SELECT $2, r.member_no, r.name, r.email, r.given_email, r.cohorts, r.payments, r.fields, r.status, r.reason, $3, $4
FROM /*rows $1: member_no text, name text, email text, given_email text, cohorts text, payments text, fields text, status text, reason text*/ r
