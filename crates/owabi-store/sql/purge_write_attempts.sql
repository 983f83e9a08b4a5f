UPDATE attempts SET reply = r.a
FROM /*rows $1: id bigint, number bigint, a text, b text, c text*/ r
WHERE attempts.member_id = r.id AND attempts.number = r.number
