SELECT m.id, CAST(0 AS BIGINT), m.email, m.given_email, CAST(NULL AS TEXT) FROM affected_members m
WHERE m.notice_id = $1 AND m.id > $2 AND m.id <= $3
  AND (m.name <> '' OR m.payments <> '[]' OR m.fields <> '{}' OR NOT /*keyed m.email*/
       OR NOT /*keyed m.given_email*/)
