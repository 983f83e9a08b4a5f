-- The CTE is the fence that keeps PostgreSQL's planner from updating more than LIMIT.
WITH due AS (
    SELECT m.id FROM affected_members m
    WHERE m.notice_id = $2 AND m.status = 'queued' AND m.due_at <= $1
      AND EXISTS (SELECT 1 FROM notices n WHERE n.id = $2 AND n.state = 'released')
    ORDER BY m.due_at, m.id
    LIMIT $4 /*skip locked*/
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
