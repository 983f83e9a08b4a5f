-- Trouble counts from its beginning; what was wrong with a source that was read all the same was another one. Who follows a source
-- says so here, too.
INSERT INTO sources (host, name, bounces, followed, since, trouble, trouble_at) VALUES ($1, $2, $3, $6, $4, $5, $4)
ON CONFLICT (host, name) DO UPDATE
SET followed = sources.followed OR excluded.followed, trouble = excluded.trouble,
    trouble_at = CASE WHEN sources.looked_at >= sources.trouble_at THEN excluded.trouble_at
                      ELSE COALESCE(sources.trouble_at, excluded.trouble_at) END
