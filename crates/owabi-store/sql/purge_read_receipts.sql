SELECT r.id, CAST(0 AS BIGINT), r.recipient, r.detail, CAST(NULL AS TEXT) FROM affected_members m JOIN receipts r ON r.member_id = m.id
WHERE m.notice_id = $1 AND m.id > $2 AND m.id <= $3
  AND (NOT /*keyed r.recipient*/ OR NOT /*keyed r.detail*/)
