UPDATE notices SET state = $2, state_reason = $3, updated_at = $4
WHERE id = $1 AND state IN (SELECT r.state FROM /*rows $5: state text*/ r)
