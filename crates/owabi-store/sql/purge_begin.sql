-- From here on nobody is sent to, and nothing personal is added. Its row was locked by another statement: this one sees what others committed before.
UPDATE notices SET purged_at = COALESCE(purged_at, $2)
WHERE id = $1 AND legal_hold IS NULL
  AND NOT EXISTS (SELECT 1 FROM affected_members m WHERE m.notice_id = $1 AND m.status IN ('held', 'queued', 'sending', 'in_doubt'))
