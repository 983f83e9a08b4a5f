-- Where the next members stand, as one text: a JSON array a line.
SELECT string_agg(CAST(/*json array*/(id, CAST(member_no AS TEXT), CAST(notice_id AS TEXT), CAST(status AS TEXT)) AS TEXT), '
')
FROM (SELECT id, member_no, notice_id, status FROM affected_members WHERE id > $1 ORDER BY id LIMIT $2) m
