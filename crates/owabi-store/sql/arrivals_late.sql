-- Of a mail that comes late for a member whose notice is purged nothing is kept but that it came.
UPDATE arrivals SET content = NULL, sender = NULL, subject = NULL, envelope_to = NULL
WHERE sha256 /*among $1*/
  AND member_id IN (SELECT m.id FROM affected_members m JOIN notices n ON n.id = m.notice_id WHERE m.id = arrivals.member_id AND n.purged_at IS NOT NULL)
