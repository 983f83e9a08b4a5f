UPDATE affected_members SET status = 'withdrawn', reason = $2, due_at = NULL, updated_at = $3
WHERE notice_id = $1 AND status IN ('held', 'queued')
