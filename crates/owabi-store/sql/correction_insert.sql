INSERT INTO corrections (member_id, at, actor, reason, old_email, new_email) VALUES ($1, $2, $3, $4, $5, $6)
