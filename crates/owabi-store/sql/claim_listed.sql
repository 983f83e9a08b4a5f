-- As claim.sql, of the rows of $4 alone: the canary's own, which are tried again before anybody else is. CASE keeps PostgreSQL from
-- thinking that next to nobody is due, and from looking through all of them instead of looking these up.
WITH due AS (
    SELECT m.id FROM /*rows $4: id bigint*/ r
    JOIN affected_members m ON m.id = r.id
    WHERE CASE WHEN m.status = 'queued' AND m.notice_id = $2 AND m.due_at <= $1 THEN TRUE ELSE FALSE END
      AND EXISTS (SELECT 1 FROM notices n WHERE n.id = $2 AND n.state = 'released')
    /*skip locked*/
)
/*take what is due*/
