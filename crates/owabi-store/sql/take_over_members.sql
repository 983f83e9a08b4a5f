UPDATE affected_members
SET status = 'in_doubt', reason = 'lease_ended', tries = tries + 1, updated_at = $1, due_at = $1 + $3
WHERE notice_id = $2 AND status = 'sending' AND due_at <= $1
  AND EXISTS (SELECT 1 FROM intents i WHERE i.member_id = affected_members.id AND i.number = affected_members.tries + 1)
