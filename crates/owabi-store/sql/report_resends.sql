-- What became of those who were sent to again; who was sent to once more since then counts as 'resent'.
SELECT r.batch_id, CASE WHEN m.round > r.round THEN 'resent' ELSE m.status END, COUNT(*)
FROM resends r JOIN affected_members m ON m.id = r.member_id
WHERE r.batch_id IN (SELECT b.id FROM batches b WHERE b.notice_id = $1 AND b.kind = 'resend')
GROUP BY r.batch_id, CASE WHEN m.round > r.round THEN 'resent' ELSE m.status END
