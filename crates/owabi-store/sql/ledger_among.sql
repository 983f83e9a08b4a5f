-- The entries in these ranges of numbers.
SELECT l.seq FROM /*rows $1: first bigint, last bigint*/ g CROSS JOIN ledger l WHERE l.seq BETWEEN g.first AND g.last LIMIT $2
