-- Who approved something else since the last release, and whether that was another text, another roster, or another policy ($4 is
-- the body of the entry that would name this one).
SELECT v.actor, v.text, v.roster, NOT v.text AND NOT v.roster
FROM (SELECT a.actor, a.at, a.fingerprint <> $2 AS text, a.roster_hash <> $3 AS roster,
             EXISTS (SELECT 1 FROM ledger l
                     WHERE l.kind = 'approve' AND l.notice_id = a.notice_id AND l.actor = a.actor AND l.at >= a.at AND l.body = $4) AS counts
      FROM approvals a JOIN notices n ON n.id = a.notice_id
      WHERE a.notice_id = $1 AND a.at > COALESCE(n.released_at, 0)) v
WHERE v.text OR v.roster OR NOT v.counts
ORDER BY v.at, v.actor
