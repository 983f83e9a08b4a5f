-- The lease ended by $2 without an intent: nothing has left.
WITH over AS (
    SELECT m.id FROM affected_members m
    WHERE m.status = 'sending' AND m.due_at <= $2
      AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.member_id = m.id AND i.number = m.tries + 1)
    /*skip locked*/
)
UPDATE affected_members SET status = 'queued', due_at = $1, updated_at = $1
FROM over
WHERE affected_members.id = over.id
