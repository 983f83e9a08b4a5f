INSERT INTO substitutes (notice_id, kind, on_day, until_day, url, note, actor, at)
SELECT $1, 'published', $2, $3, $4, $5, $6, $7
WHERE NOT EXISTS (SELECT 1 FROM substitutes s
                  WHERE s.notice_id = $1 AND s.member_id IS NULL AND s.kind = 'published' AND s.on_day = $2
                    AND s.until_day = $3 AND s.url = $4
                    AND NOT EXISTS (SELECT 1 FROM substitutes v WHERE v.notice_id = $1 AND v.member_id IS NULL AND v.revokes = s.id))
