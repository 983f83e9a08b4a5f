SELECT id FROM batches WHERE notice_id = $1 AND file_sha256 = $2 ORDER BY at LIMIT 1
