-- Members by the address in lower case; the same address may stand in several notices.
SELECT m.id, lower(m.email) FROM affected_members m
WHERE m.email IS NOT NULL AND lower(m.email) /*among $1*/
