-- What is parked or in review may come to an end; nothing else is decided twice. But a person may say that the same mail speaks
-- of several members.
INSERT INTO arrivals (sha256, at, source, kind, state, why, member_id, envelope_to, sender, subject, size, content, updated_at)
SELECT r.sha256, $2, r.source, r.kind, r.state, r.why, r.member_id, r.envelope_to, r.sender, r.subject, r.size, r.content, $2
FROM /*rows $1: sha256 text, source text, kind text, state text, why text, member_id bigint, envelope_to text, sender text, subject text, size bigint, content text*/ r
WHERE TRUE
ON CONFLICT (sha256) DO UPDATE SET state = excluded.state, why = excluded.why, member_id = excluded.member_id, updated_at = excluded.updated_at
WHERE arrivals.state IN ('parked', 'review')
   OR (arrivals.state = 'matched' AND arrivals.why = 'person' AND excluded.state = 'matched' AND excluded.why = 'person')
