SELECT s.id, s.notice_id, s.member_id, m.member_no, m.name, s.kind, s.on_day, s.until_day, s.url, s.note, s.actor, s.at, v.actor, v.note
FROM /*rows $1: id bigint*/ r
JOIN affected_members m ON m.id = r.id
JOIN substitutes s ON s.notice_id = m.notice_id AND s.member_id = m.id AND s.kind <> 'revoked'
LEFT JOIN substitutes v ON v.notice_id = s.notice_id AND v.member_id = s.member_id AND v.revokes = s.id
