-- After restart_doubt: what is left has no intent, so nothing of it has left.
UPDATE affected_members SET status = 'queued', due_at = $1, updated_at = $1 WHERE status = 'sending'
