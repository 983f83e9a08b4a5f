INSERT INTO approvals (notice_id, at, actor, fingerprint, roster_hash) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (notice_id, actor, fingerprint, roster_hash) DO NOTHING
