-- $4 is the body of the ledger's entry, which names the policy, too: an approval that the ledger does not know is none. Whoever approves
-- the same text and roster again, after another policy, has one row and another entry.
SELECT a.actor, a.at FROM approvals a
WHERE a.notice_id = $1 AND a.fingerprint = $2 AND a.roster_hash = $3
  AND EXISTS (SELECT 1 FROM ledger l
              WHERE l.kind = 'approve' AND l.notice_id = a.notice_id AND l.actor = a.actor AND l.at >= a.at AND l.body = $4)
ORDER BY a.at, a.actor
