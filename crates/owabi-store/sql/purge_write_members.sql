UPDATE affected_members SET name = '', email = r.a, given_email = r.b, payments = '[]', fields = '{}'
FROM /*rows $1: id bigint, number bigint, a text, b text, c text*/ r
WHERE affected_members.id = r.id
