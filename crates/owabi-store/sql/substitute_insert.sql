-- What is there already, and was not taken back, is not there twice.
INSERT INTO substitutes (notice_id, member_id, kind, on_day, note, actor, at)
SELECT $2, r.member_id, r.kind, r.on_day, r.note, $3, $4
FROM /*rows $1: member_id bigint, kind text, on_day text, note text*/ r
WHERE NOT EXISTS (SELECT 1 FROM substitutes s
                  WHERE s.notice_id = $2 AND s.member_id = r.member_id AND s.kind = r.kind AND s.on_day = r.on_day
                    AND NOT EXISTS (SELECT 1 FROM substitutes v
                                    WHERE v.notice_id = $2 AND v.member_id = r.member_id AND v.revokes = s.id))
