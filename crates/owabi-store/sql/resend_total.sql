UPDATE batches SET lines = $2 WHERE id = $1
