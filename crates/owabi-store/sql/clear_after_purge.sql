-- Receipts that were just recorded in the clear of members whose notice is purged.
SELECT COUNT(*) FROM receipts r JOIN affected_members m ON m.id = r.member_id JOIN notices n ON n.id = m.notice_id
WHERE n.purged_at IS NOT NULL AND r.at = $2 AND r.evidence /*among $1*/
  AND (NOT /*keyed r.recipient*/ OR NOT /*keyed r.detail*/)
