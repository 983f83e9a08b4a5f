-- The lease ended by $2 and the intent is recorded: the body may have left. Only of the notices that are listed; one without a time: a person decides.
WITH over AS (
    SELECT m.id FROM affected_members m
    WHERE m.status = 'sending' AND m.due_at <= $2 AND m.notice_id /*among $3*/
      AND EXISTS (SELECT 1 FROM intents i WHERE i.member_id = m.id AND i.number = m.tries + 1)
    /*skip locked*/
)
UPDATE affected_members
SET status = 'in_doubt', reason = 'lease_ended', tries = tries + 1, updated_at = $1,
    due_at = (SELECT $1 + r.resend_after_ms FROM /*rows $3: notice_id text, resend_after_ms bigint*/ r
              WHERE r.notice_id = affected_members.notice_id)
FROM over
WHERE affected_members.id = over.id
RETURNING affected_members.id, affected_members.tries
