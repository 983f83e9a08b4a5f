-- An approval that the ledger does not know is none.
SELECT a.at, a.actor, a.fingerprint, a.roster_hash FROM approvals a
WHERE a.notice_id = $1
  AND EXISTS (SELECT 1 FROM ledger l
              WHERE l.kind = 'approve' AND l.notice_id = a.notice_id AND l.actor = a.actor AND l.at = a.at
                AND (l.body LIKE '{"fingerprint":"' || a.fingerprint || '","policy_hash":"%","roster_hash":"' || a.roster_hash || '"}'
                     OR l.body = '{"fingerprint":"' || a.fingerprint || '","roster_hash":"' || a.roster_hash || '"}'))
ORDER BY a.at, a.actor
