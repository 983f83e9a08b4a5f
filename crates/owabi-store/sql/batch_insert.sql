INSERT INTO batches (id, notice_id, kind, actor, reason, selection, file_name, file_sha256, encoding, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
