-- Only the first daemon that finds it well says so, and only of the text that it looked at.
UPDATE notices SET canary_passed_at = $2, updated_at = $2
WHERE id = $1 AND state = 'released' AND canary_passed_at IS NULL AND fingerprint = $3
