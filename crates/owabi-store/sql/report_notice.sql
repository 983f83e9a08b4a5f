SELECT id, title, state, state_reason, fingerprint, roster_hash, released_at, watched_from, canary_passed_at FROM notices WHERE id = $1
