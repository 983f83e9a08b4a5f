-- Members who would get a text that was not approved for them.
SELECT COUNT(*) FROM affected_members m JOIN notices n ON n.id = m.notice_id
WHERE m.notice_id = $1 AND n.fingerprint <> $2 AND m.status IN ('queued', 'sending', 'in_doubt')
