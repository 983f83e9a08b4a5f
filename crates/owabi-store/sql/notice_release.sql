UPDATE notices
SET state = 'released', state_reason = NULL, fingerprint = $2, roster_hash = $3, definition = $4, released_at = $5, updated_at = $5,
    watched_from = COALESCE(watched_from, $5)
WHERE id = $1 AND state IN ('draft', 'released')
