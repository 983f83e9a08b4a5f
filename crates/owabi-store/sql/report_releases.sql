SELECT at, actor, fingerprint, roster_hash, members FROM releases WHERE notice_id = $1 ORDER BY at, roster_hash
