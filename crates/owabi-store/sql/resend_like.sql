-- The batches of the same request.
SELECT id, at, actor, lines FROM batches WHERE notice_id = $1 AND kind = 'resend' AND selection = $2 AND reason = $3 ORDER BY at, id
