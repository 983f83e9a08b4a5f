-- When those were told who are told now, minute by minute: the first acceptance since a resend found them not told; without one
-- (evidence settled a doubt) the newest mail that may have left. A row without any mail has no time.
SELECT told.at / 60000, COUNT(*), MIN(told.at), MAX(told.at)
FROM (SELECT COALESCE(
          (SELECT MIN(a.at) FROM attempts a
           WHERE a.member_id = m.id AND a.outcome = 'accepted'
             AND a.number > COALESCE((SELECT MAX(r.tries_before) FROM resends r
                                      WHERE r.member_id = m.id AND r.status_before NOT IN ('accepted', 'delivered')), 0)),
          (SELECT MAX(i.at) FROM intents i WHERE i.member_id = m.id)) AS at
      FROM affected_members m WHERE m.notice_id = $1 AND m.status IN ('accepted', 'delivered')) told
GROUP BY told.at / 60000
