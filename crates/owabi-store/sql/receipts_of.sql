SELECT id, round, number, at, reported_at, source, evidence, matched_by, says, recipient, status, reason, detail, queue_id, status_before, status_after
FROM receipts WHERE member_id = $1 ORDER BY id
