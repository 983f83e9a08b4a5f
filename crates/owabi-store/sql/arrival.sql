SELECT sha256, at, source, kind, state, why, member_id, envelope_to, sender, subject, size, content FROM arrivals
WHERE sha256 = $1
