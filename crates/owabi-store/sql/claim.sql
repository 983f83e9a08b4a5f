-- The CTE is the fence that keeps PostgreSQL's planner from updating more than LIMIT.
WITH due AS (
    SELECT m.id FROM affected_members m
    WHERE m.notice_id = $2 AND m.status = 'queued' AND m.due_at <= $1
      AND EXISTS (SELECT 1 FROM notices n WHERE n.id = $2 AND n.state = 'released')
    ORDER BY m.due_at, m.id
    LIMIT $4 /*skip locked*/
)
/*take what is due*/
