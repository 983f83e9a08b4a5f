-- The next rows of the queue: the log is read for these alone, whatever is looked for in it.
SELECT id FROM affected_members WHERE id >= $1 ORDER BY id LIMIT $2
