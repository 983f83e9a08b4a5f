-- How the members whom a selection matches stand.
SELECT m.status, COUNT(*) FROM affected_members m WHERE /*matching*/ AND ($9 = '[]' OR m.status /*among $9*/)
GROUP BY m.status ORDER BY m.status
