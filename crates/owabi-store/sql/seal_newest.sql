SELECT number, at, first_seq, last_seq, entries, text, signature FROM seals ORDER BY number DESC LIMIT 1
