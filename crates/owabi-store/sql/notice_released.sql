-- Exactly this text is released, and its members' addresses are still there. Writing the row makes a release at the same time begin anew: it would not see who waits now.
UPDATE notices SET updated_at = $3 WHERE id = $1 AND state = 'released' AND fingerprint = $2 AND purged_at IS NULL
