SELECT number, text FROM seals ORDER BY number DESC LIMIT 1
