-- Once only.
INSERT INTO substitutes (notice_id, member_id, kind, on_day, note, revokes, actor, at)
SELECT s.notice_id, s.member_id, 'revoked', $2, $3, s.id, $4, $5 FROM substitutes s
WHERE s.id = $1 AND s.kind <> 'revoked' AND NOT EXISTS (SELECT 1 FROM substitutes v WHERE v.revokes = s.id)
