INSERT INTO sources (host, name, bounces, followed, since, looked_at) VALUES ($1, $2, $3, FALSE, $4, $4)
ON CONFLICT (host, name) DO UPDATE SET looked_at = CASE WHEN sources.looked_at > excluded.looked_at THEN sources.looked_at ELSE excluded.looked_at END,
    trouble = NULL, trouble_at = NULL
