-- The mails of which this source already said by what queue id the relay knows them.
SELECT t.queue_id, t.member_id FROM receipts t
WHERE t.queue_id IS NOT NULL AND t.queue_id /*among $1*/ AND t.source = $2
