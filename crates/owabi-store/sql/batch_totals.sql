UPDATE batches SET lines = $2, imported = $3, merged = $4, unreachable = $5, not_affected = $6, already_present = $7, refused = $8
WHERE id = $1
