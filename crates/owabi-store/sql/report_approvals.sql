SELECT at, actor, fingerprint, roster_hash FROM approvals WHERE notice_id = $1 ORDER BY at, actor
