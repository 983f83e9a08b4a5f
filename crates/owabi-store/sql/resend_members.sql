-- A new round: limits and forms of the address begin anew. A mail that the earlier rounds may have delivered makes a possible duplicate:
-- that of a told member, and one whose reply was lost; a bounce takes back one of the mails of its round.
UPDATE affected_members
SET status = 'queued', round = r.round, attempts = 0, due_at = $2, queued_at = $2, reason = NULL, plain_form = FALSE, updated_at = $2,
    possible_duplicate = affected_members.possible_duplicate OR r.status_before IN ('accepted', 'delivered')
        OR (SELECT COUNT(*) FROM attempts a
            WHERE a.member_id = r.member_id AND a.outcome IN ('accepted', 'in_doubt')
              AND a.number > COALESCE((SELECT p.tries_before FROM resends p WHERE p.member_id = r.member_id AND p.round = r.round - 1), 0))
           > CASE WHEN r.status_before = 'bounced' THEN 1 ELSE 0 END
FROM resends r
WHERE r.batch_id = $1 AND affected_members.id = r.member_id
  AND affected_members.status = r.status_before AND affected_members.round = r.round - 1
