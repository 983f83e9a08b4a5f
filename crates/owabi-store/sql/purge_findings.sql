UPDATE findings SET detail = ''
WHERE batch_id IN (SELECT b.id FROM batches b WHERE b.notice_id = $1) AND detail <> ''
