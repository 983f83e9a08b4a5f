-- What stands outside the ledger and must agree with it.
SELECT 'approval', notice_id, actor, at, fingerprint, roster_hash, '' FROM approvals
UNION ALL SELECT 'release', notice_id, actor, at, fingerprint, roster_hash, definition FROM releases
UNION ALL SELECT 'notice', id, '', COALESCE(released_at, 0), COALESCE(fingerprint, ''), COALESCE(roster_hash, ''), COALESCE(definition, '') FROM notices WHERE fingerprint IS NOT NULL
UNION ALL SELECT 'import', notice_id, actor, at, id, COALESCE(file_sha256, ''),
    lines || ' ' || imported || ' ' || merged || ' ' || unreachable || ' ' || not_affected || ' ' || already_present || ' ' || refused
FROM batches WHERE kind = 'import'
UNION ALL SELECT 'resend', notice_id, actor, at, id, '', COALESCE(reason, '') FROM batches WHERE kind = 'resend'
UNION ALL SELECT 'user', '', name, updated_at, role, COALESCE(os_user, ''), CASE WHEN disabled THEN 'disabled' ELSE '' END FROM users
UNION ALL SELECT 'state', id, '', updated_at, state, '', '' FROM notices
UNION ALL SELECT 'hold', id, '', updated_at, CASE WHEN legal_hold IS NULL THEN '' ELSE 'set' END, '', '' FROM notices
UNION ALL SELECT 'purge', id, '', COALESCE(purged_at, 0), '', '', '' FROM notices
