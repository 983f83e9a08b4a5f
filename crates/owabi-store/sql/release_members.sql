UPDATE affected_members SET status = 'queued', due_at = $2, queued_at = $2, updated_at = $2
WHERE notice_id = $1 AND status = 'held'
