-- Who approved something else since the last release, and whether that was another text, and another roster.
SELECT a.actor, a.fingerprint <> $2, a.roster_hash <> $3
FROM approvals a JOIN notices n ON n.id = a.notice_id
WHERE a.notice_id = $1 AND (a.fingerprint <> $2 OR a.roster_hash <> $3) AND a.at > COALESCE(n.released_at, 0)
ORDER BY a.at, a.actor
