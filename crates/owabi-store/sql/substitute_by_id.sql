SELECT s.id, s.notice_id, s.member_id, m.member_no, m.name, s.kind, s.on_day, s.until_day, s.url, s.note, s.actor, s.at, v.actor, v.note
FROM substitutes s
LEFT JOIN affected_members m ON m.id = s.member_id
LEFT JOIN substitutes v ON v.revokes = s.id
WHERE s.id = $1
