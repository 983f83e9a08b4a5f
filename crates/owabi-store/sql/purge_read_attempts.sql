SELECT a.member_id, a.number, a.reply, CAST(NULL AS TEXT), CAST(NULL AS TEXT) FROM affected_members m JOIN attempts a ON a.member_id = m.id
WHERE m.notice_id = $1 AND m.id > $2 AND m.id <= $3 AND NOT /*keyed a.reply*/
