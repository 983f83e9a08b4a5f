-- Only the holder of the database's exclusive lock may say that nobody else is at work.
UPDATE affected_members SET due_at = $1 WHERE status = 'sending' AND due_at > $1
