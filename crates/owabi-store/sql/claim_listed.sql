-- As claim.sql, of the rows of $4 alone: the canary's own, which are tried again before anybody else is. CASE keeps PostgreSQL from
-- thinking that next to nobody is due, and from looking through all of them instead of looking these up.
WITH due AS (
    SELECT m.id FROM /*rows $4: id bigint*/ r
    JOIN affected_members m ON m.id = r.id
    WHERE CASE WHEN m.status = 'queued' AND m.notice_id = $2 AND m.due_at <= $1 THEN TRUE ELSE FALSE END
      AND EXISTS (SELECT 1 FROM notices n WHERE n.id = $2 AND n.state = 'released')
    /*skip locked*/
)
UPDATE affected_members
SET status = 'sending', fence = fence + 1, due_at = $1 + $3, updated_at = $1
FROM due
WHERE affected_members.id = due.id
RETURNING affected_members.id, member_no, name, email, cohorts, payments, fields, queued_at,
          attempts, tries, fence, round, possible_duplicate, plain_form, due_at,
          CASE WHEN possible_duplicate
               THEN (SELECT COUNT(*) FROM attempts a
                     WHERE a.member_id = affected_members.id AND a.outcome = 'in_doubt' AND COALESCE(a.reason, '') <> 'lease_ended'
                       AND a.number > COALESCE((SELECT r.tries_before FROM resends r
                                                WHERE r.member_id = affected_members.id AND r.round = affected_members.round), 0))
               ELSE 0 END
