SELECT number, at, text FROM seals ORDER BY number DESC LIMIT 1
