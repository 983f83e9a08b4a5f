-- Only for rows that settle_members has just settled.
INSERT INTO attempts (member_id, number, fence, at, outcome, spent, reason, phase, code, enhanced, reply, queue_id, tls, duration_ms)
SELECT r.id, r.tries, r.fence, r.at, r.outcome, r.spent <> 0, r.why, r.phase, r.code, r.enhanced, r.reply, r.queue_id, r.tls, r.duration_ms
FROM /*settled*/ r
