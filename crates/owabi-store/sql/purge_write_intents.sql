UPDATE intents SET rcpt_to = r.a
FROM /*rows $1: id bigint, number bigint, a text, b text, c text*/ r
WHERE intents.member_id = r.id AND intents.number = r.number
