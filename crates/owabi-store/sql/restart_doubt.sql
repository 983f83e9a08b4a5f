-- A notice that is not listed gets no time: a person decides.
UPDATE affected_members
SET status = 'in_doubt', reason = 'lease_ended', tries = tries + 1, updated_at = $1,
    due_at = (SELECT $1 + r.resend_after_ms FROM /*rows $2: notice_id text, resend_after_ms bigint*/ r
              WHERE r.notice_id = affected_members.notice_id)
WHERE status = 'sending'
  AND EXISTS (SELECT 1 FROM intents i WHERE i.member_id = affected_members.id AND i.number = affected_members.tries + 1)
