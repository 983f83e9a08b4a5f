INSERT INTO findings (batch_id, line, kind, member_no, detail)
SELECT $2, r.line, r.kind, r.member_no, r.detail FROM /*rows $1: line bigint, kind text, member_no text, detail text*/ r
