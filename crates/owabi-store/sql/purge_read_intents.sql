SELECT i.member_id, i.number, i.rcpt_to, CAST(NULL AS TEXT), CAST(NULL AS TEXT) FROM affected_members m JOIN intents i ON i.member_id = m.id
WHERE m.notice_id = $1 AND m.id > $2 AND m.id <= $3 AND NOT /*keyed i.rcpt_to*/
