-- What evidence did not settle in time is sent again, flagged; a NULL due_at waits for a person. First the sources that a daemon
-- follows are looked at once more, unless one was silent for $2; and what is parked is already here, and decides at the next look at it.
UPDATE affected_members
SET status = 'queued', possible_duplicate = TRUE, updated_at = $1
WHERE status = 'in_doubt' AND due_at <= $1
  AND EXISTS (SELECT 1 FROM notices n WHERE n.id = affected_members.notice_id AND n.state = 'released')
  AND NOT EXISTS (SELECT 1 FROM sources s
                  WHERE s.followed AND COALESCE(s.looked_at, 0) < affected_members.due_at
                    AND (s.since > $1 - $2 OR COALESCE(s.looked_at, 0) > $1 - $2))
  AND NOT EXISTS (SELECT 1 FROM arrivals a WHERE a.state = 'parked' AND a.member_id = affected_members.id)
