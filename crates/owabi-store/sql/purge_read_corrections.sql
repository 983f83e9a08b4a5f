SELECT c.id, CAST(0 AS BIGINT), c.old_email, c.new_email, c.reason FROM affected_members m JOIN corrections c ON c.member_id = m.id
WHERE m.notice_id = $1 AND m.id > $2 AND m.id <= $3
  AND (NOT /*keyed c.old_email*/ OR NOT /*keyed c.new_email*/ OR NOT /*keyed c.reason*/)
