INSERT INTO preflights (notice_id, at, actor, fingerprint, roster_hash, rows, problems) VALUES ($1, $2, $3, $4, $5, $6, $7)
