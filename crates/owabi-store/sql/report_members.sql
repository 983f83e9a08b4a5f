-- The whole roster in one pass: of each batch, how many stand where and why; and of how many accepted by $2 nothing came back.
SELECT batch_id, status, reason, possible_duplicate, (status = 'accepted' AND updated_at <= $2), COUNT(*)
FROM affected_members WHERE notice_id = $1
GROUP BY batch_id, status, reason, possible_duplicate, (status = 'accepted' AND updated_at <= $2)
