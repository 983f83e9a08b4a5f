-- When the next member of a canary is due again. CASE as in claim_listed.sql.
SELECT MIN(CASE WHEN m.status = 'queued' THEN m.due_at END) FROM /*rows $1: id bigint*/ r
JOIN affected_members m ON m.id = r.id
