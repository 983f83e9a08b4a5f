-- Who follows a source says so with each look: another daemon of the host that does not may have started meanwhile.
INSERT INTO sources (host, name, bounces, followed, since, looked_at, trouble, trouble_at)
VALUES ($1, $2, $3, $6, $4, $4, $5, CASE WHEN CAST($5 AS TEXT) IS NULL THEN NULL ELSE CAST($4 AS BIGINT) END)
ON CONFLICT (host, name) DO UPDATE
SET followed = sources.followed OR excluded.followed,
    looked_at = CASE WHEN sources.looked_at > excluded.looked_at THEN sources.looked_at ELSE excluded.looked_at END,
    trouble = excluded.trouble,
    trouble_at = CASE WHEN excluded.trouble IS NULL THEN NULL ELSE COALESCE(sources.trouble_at, excluded.trouble_at) END
