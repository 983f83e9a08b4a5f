UPDATE substitutes SET note = r.a
FROM /*rows $1: id bigint, number bigint, a text, b text, c text*/ r
WHERE substitutes.id = r.id
