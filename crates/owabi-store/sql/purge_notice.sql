UPDATE notices SET updated_at = $2 WHERE id = $1 AND legal_hold IS NULL AND purged_at IS NOT NULL
