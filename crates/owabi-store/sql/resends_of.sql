SELECT r.round, r.batch_id, r.at, r.status_before, r.reason_before, r.tries_before, b.actor, b.reason
FROM resends r JOIN batches b ON b.id = r.batch_id WHERE r.member_id = $1 ORDER BY r.round
