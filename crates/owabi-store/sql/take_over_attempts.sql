-- The attempt is closed as in doubt; no claim's fence stands there, because no claim wrote it.
INSERT INTO attempts (member_id, number, at, outcome, spent, reason, phase)
SELECT r.id, r.number, $2, 'in_doubt', FALSE, 'lease_ended', 'dot' FROM /*rows $1: id bigint, number bigint*/ r
