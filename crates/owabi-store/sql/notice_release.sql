-- The first mails of a text are its canary; further members of the same text need none.
UPDATE notices
SET state = 'released', state_reason = NULL, fingerprint = $2, roster_hash = $3, definition = $4, released_at = $5, updated_at = $5,
    watched_from = CASE WHEN fingerprint = $2 THEN COALESCE(watched_from, $5) ELSE $5 END,
    canary_passed_at = CASE WHEN fingerprint = $2 THEN canary_passed_at ELSE NULL END
WHERE id = $1 AND state IN ('draft', 'released') AND purged_at IS NULL
