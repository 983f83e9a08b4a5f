-- A person decides, about exactly what they saw.
UPDATE affected_members
SET status = $4, reason = $5, due_at = $6, possible_duplicate = possible_duplicate OR $7 <> 0, updated_at = $8
WHERE id = $1 AND status = $2 AND fence = $3
