INSERT INTO notices (id, title, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET title = excluded.title
