SELECT id, at, actor, reason, old_email, new_email FROM corrections WHERE member_id = $1 ORDER BY id
