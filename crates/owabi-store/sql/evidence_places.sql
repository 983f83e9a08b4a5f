-- Where the ledger tells of one member's attempts.
SELECT l.number, l.seq FROM ledger l WHERE l.kind = 'attempt' AND l.member_id = $1 ORDER BY l.seq
