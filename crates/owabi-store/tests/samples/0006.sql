-- What version 6 adds.

INSERT INTO seals (number, at, first_seq, last_seq, entries, text, signature, leaves) VALUES (2, 8300, 3, 3, 1, 'another seal', 'cd', 'AAAA');
