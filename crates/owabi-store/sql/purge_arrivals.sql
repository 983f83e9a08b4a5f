UPDATE arrivals SET content = NULL, sender = NULL, subject = NULL, envelope_to = NULL
WHERE member_id IN (SELECT m.id FROM affected_members m WHERE m.notice_id = $1)
  AND (content IS NOT NULL OR sender IS NOT NULL OR subject IS NOT NULL OR envelope_to IS NOT NULL)
