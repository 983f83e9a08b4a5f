SELECT id, host, pid, version, started_at, seen_at, shares FROM daemons ORDER BY id
