SELECT id, kind, actor, reason, selection, file_name, file_sha256, lines, imported, merged, unreachable, not_affected, already_present, refused, at
FROM batches WHERE notice_id = $1 OR $1 = '' ORDER BY at, id
