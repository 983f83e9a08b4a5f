INSERT INTO sources (host, name, bounces, followed, since, trouble, trouble_at) VALUES ($1, $2, $3, $6, $4, $5, $4)
ON CONFLICT (host, name) DO UPDATE
SET followed = sources.followed OR excluded.followed, trouble = excluded.trouble,
    trouble_at = COALESCE(sources.trouble_at, excluded.trouble_at)
