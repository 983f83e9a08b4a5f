-- What was done instead, page by page; revoked ones with who took them back and why.
SELECT s.id, s.notice_id, s.member_id, m.member_no, m.name, s.kind, s.on_day, s.until_day, s.url, s.note, s.actor, s.at, v.actor, v.note
FROM substitutes s
LEFT JOIN affected_members m ON m.id = s.member_id
LEFT JOIN substitutes v ON v.id = COALESCE(
    (SELECT x.id FROM substitutes x WHERE x.notice_id = s.notice_id AND x.member_id = s.member_id AND x.revokes = s.id),
    (SELECT x.id FROM substitutes x WHERE x.notice_id = s.notice_id AND x.member_id IS NULL AND x.revokes = s.id))
WHERE s.notice_id = $1 AND s.kind <> 'revoked' AND s.id > $2
ORDER BY s.id
LIMIT $3
