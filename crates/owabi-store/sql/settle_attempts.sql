INSERT INTO attempts (member_id, number, at, outcome, spent, reason, phase, code, enhanced, reply, queue_id, tls, duration_ms)
SELECT m.id, m.tries + 1, r.at, r.outcome, r.spent <> 0, r.reason, r.phase, r.code, r.enhanced, r.reply, r.queue_id, r.tls, r.duration_ms
FROM /*rows $1: id bigint, fence bigint, at bigint, outcome text, spent bigint, reason text, phase text, code bigint, enhanced text, reply text, queue_id text, tls text, duration_ms bigint*/ r
JOIN affected_members m ON m.id = r.id
WHERE m.status = 'sending' AND m.fence = r.fence
ON CONFLICT (member_id, number) DO NOTHING
