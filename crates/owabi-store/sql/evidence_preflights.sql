SELECT at, actor, fingerprint, roster_hash, rows, problems FROM preflights
WHERE notice_id = $1 ORDER BY at, actor, fingerprint, roster_hash, rows, problems
