SELECT number, at, first_seq, last_seq, entries, text, signature FROM seals WHERE number > $1 ORDER BY number LIMIT $2
