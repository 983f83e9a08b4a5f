-- Only the holder of the database's exclusive lock may say that nobody else is at work: every lease is over.
-- The intent is recorded: the body may have left. The attempt is closed as in doubt.
INSERT INTO attempts (member_id, number, at, outcome, spent, reason, phase)
SELECT m.id, m.tries + 1, $1, 'in_doubt', FALSE, 'lease_ended', 'dot'
FROM affected_members m
JOIN intents i ON i.member_id = m.id AND i.number = m.tries + 1
WHERE m.status = 'sending'
