SELECT e.member_id, e.round, e.at, e.fingerprint FROM affected_members m JOIN resends e ON e.member_id = m.id
WHERE m.notice_id = $1 AND m.id > $2 AND m.id <= $3 ORDER BY e.member_id, e.round
