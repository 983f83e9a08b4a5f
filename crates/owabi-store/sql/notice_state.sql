-- A resumption is a person's word: what failed before does not count again, and a canary that had failed counts as passed.
UPDATE notices SET state = $2, state_reason = $3, updated_at = $4,
    watched_from = CASE WHEN $2 = 'released' THEN $4 ELSE watched_from END,
    canary_passed_at = CASE WHEN $2 = 'released' AND EXISTS (SELECT 1 FROM meta f WHERE f.key = 'canary_failed:' || notices.id AND f.value = notices.fingerprint)
                            THEN COALESCE(canary_passed_at, $4) ELSE canary_passed_at END
WHERE id = $1 AND ($2 <> 'released' OR purged_at IS NULL) AND state IN (SELECT r.state FROM /*rows $5: state text*/ r)
