-- Of the members whom a selection matches: how many would be sent to again, and why the others would not; and for how many of the first
-- something else was done already.
SELECT c.class, COUNT(*), COUNT(CASE WHEN c.class = 'selected' AND EXISTS (
    SELECT 1 FROM substitutes s
    WHERE s.notice_id = $1 AND s.member_id = c.id AND s.kind IN ('letter', 'telephone', 'visit', 'other')
      AND NOT EXISTS (SELECT 1 FROM substitutes x WHERE x.notice_id = $1 AND x.member_id = c.id AND x.revokes = s.id)) THEN 1 END)
FROM (SELECT m.id, /*resend class*/ AS class FROM affected_members m WHERE /*matching*/) c
GROUP BY c.class ORDER BY c.class
