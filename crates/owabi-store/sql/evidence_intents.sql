SELECT i.member_id, i.number, i.fence, i.at, i.relay, i.rcpt_to, i.message_id, i.envid, i.mail_sha256, i.mail_bytes, i.possible_duplicate
FROM affected_members m JOIN intents i ON i.member_id = m.id
WHERE m.notice_id = $1 AND m.id > $2 AND m.id <= $3 ORDER BY i.member_id, i.number
