SELECT at, actor, fingerprint, roster_hash, members, definition FROM releases WHERE notice_id = $1 ORDER BY at, roster_hash
