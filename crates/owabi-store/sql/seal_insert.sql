INSERT INTO seals (number, at, first_seq, last_seq, entries, text, signature, leaves) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
