INSERT INTO receipts (member_id, round, number, at, reported_at, source, evidence, part, matched_by, says, recipient, status, reason,
                      detail, queue_id, status_before, status_after)
SELECT r.member_id, r.round, r.number, $2, r.reported_at, r.source, r.evidence, r.part, r.matched_by, r.says, r.recipient, r.status,
       r.reason, r.detail, r.queue_id, r.status_before, r.status_after
FROM /*rows $1: member_id bigint, round bigint, number bigint, reported_at bigint, source text, evidence text, part bigint, matched_by text, says text, recipient text, status text, reason text, detail text, queue_id text, status_before text, status_after text*/ r
WHERE TRUE
ON CONFLICT (evidence, part) DO NOTHING
