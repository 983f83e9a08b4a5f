UPDATE corrections SET old_email = r.a, new_email = r.b, reason = r.c
FROM /*rows $1: id bigint, number bigint, a text, b text, c text*/ r
WHERE corrections.id = r.id
