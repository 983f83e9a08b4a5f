SELECT c.member_id, c.at, c.old_email, c.new_email FROM affected_members m JOIN corrections c ON c.member_id = m.id
WHERE m.notice_id = $1 AND m.id > $2 AND m.id <= $3 ORDER BY c.member_id, c.id
