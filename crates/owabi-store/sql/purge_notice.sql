UPDATE notices SET purged_at = $2, updated_at = $2 WHERE id = $1 AND legal_hold IS NULL
