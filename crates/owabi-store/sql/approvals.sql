SELECT actor, at FROM approvals WHERE notice_id = $1 AND fingerprint = $2 AND roster_hash = $3 ORDER BY at
