-- What is parked or waits for a person, oldest first.
SELECT sha256, at, source, kind, state, why, member_id, envelope_to, sender, subject, size, CAST(NULL AS TEXT) FROM arrivals
WHERE state = $1 AND at >= $2
ORDER BY at, sha256
LIMIT $3
