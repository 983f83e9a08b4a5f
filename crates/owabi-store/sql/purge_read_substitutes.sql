SELECT s.id, CAST(0 AS BIGINT), s.note, CAST(NULL AS TEXT), CAST(NULL AS TEXT) FROM substitutes s
WHERE s.notice_id = $1 AND s.id > $2 AND s.id <= $3 AND NOT /*keyed s.note*/
