-- What stopped a notice, let it go on, or took members out of it, in its order.
SELECT at, actor, kind, body FROM ledger
WHERE notice_id = $1 AND kind IN ('paused', 'released', 'withdrawn', 'withdraw_members', 'canary_passed')
ORDER BY seq
