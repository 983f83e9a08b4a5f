-- Leaves the row of a notice that is known alone, unlocked: an import takes minutes, and `pause` must not wait for it.
INSERT INTO notices (id, title, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (id) DO NOTHING
