-- Only for rows that settle_members has just settled.
INSERT INTO attempts (member_id, number, fence, at, outcome, spent, reason, phase, code, enhanced, reply, queue_id, tls, duration_ms)
SELECT r.id, m.tries, r.fence, r.at, r.outcome, r.spent <> 0, r.reason, r.phase, r.code, r.enhanced, r.reply, r.queue_id, r.tls, r.duration_ms
FROM /*rows $1: id bigint, fence bigint, at bigint, outcome text, status text, due_at bigint, spent bigint, reason text, plain_form bigint, phase text, code bigint, enhanced text, reply text, queue_id text, tls text, duration_ms bigint*/ r
JOIN /*settled*/ m ON m.id = r.id AND m.fence = r.fence
