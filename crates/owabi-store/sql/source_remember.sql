INSERT INTO sources (host, name, bounces, followed, since, position) VALUES ($1, $2, $3, FALSE, $4, $5)
ON CONFLICT (host, name) DO UPDATE SET position = excluded.position
