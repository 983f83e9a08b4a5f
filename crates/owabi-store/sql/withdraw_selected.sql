UPDATE affected_members AS m SET status = 'withdrawn', reason = $10, due_at = NULL, updated_at = $11
WHERE /*matching*/ AND m.status IN ('held', 'queued') AND ($9 = '[]' OR m.status /*among $9*/)
