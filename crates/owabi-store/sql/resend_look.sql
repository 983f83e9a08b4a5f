-- Of the members whom a selection matches: how many would be sent to again, and why the others would not.
SELECT c.class, COUNT(*) FROM (SELECT /*resend class*/ AS class FROM affected_members m WHERE /*matching*/) c
GROUP BY c.class ORDER BY c.class
