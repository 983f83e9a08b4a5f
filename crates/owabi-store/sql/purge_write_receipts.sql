UPDATE receipts SET recipient = r.a, detail = r.b
FROM /*rows $1: id bigint, number bigint, a text, b text, c text*/ r
WHERE receipts.id = r.id
