INSERT INTO daemons (id, host, pid, version, started_at, seen_at, shares) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, shares = excluded.shares
