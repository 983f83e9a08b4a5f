INSERT INTO releases (notice_id, at, actor, fingerprint, roster_hash, members, definition)
VALUES ($1, $2, $3, $4, $5, $6, $7)
