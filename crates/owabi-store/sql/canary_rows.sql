-- Where the members of a canary stand: 'good', 'failed', 'waiting', or 'gone' when they are not sent to at all.
SELECT m.id,
       CASE WHEN m.status IN ('accepted', 'delivered') THEN 'good'
            WHEN m.status = 'bounced' THEN 'failed'
            WHEN m.status = 'failed' THEN CASE WHEN a.spent = FALSE THEN 'gone' ELSE 'failed' END
            WHEN m.status IN ('queued', 'sending', 'in_doubt') THEN 'waiting'
            ELSE 'gone' END
FROM /*rows $1: id bigint*/ r
JOIN affected_members m ON m.id = r.id
LEFT JOIN attempts a ON a.member_id = m.id AND a.number = m.tries
