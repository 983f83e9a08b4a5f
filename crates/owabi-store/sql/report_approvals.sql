-- An approval that the ledger does not know is none. Whoever approves the same text and roster again, after another policy, has one row
-- in approvals and another entry: which one a release rests on, its own entry says.
SELECT at, actor, body FROM ledger WHERE kind = 'approve' AND notice_id = $1 ORDER BY seq
