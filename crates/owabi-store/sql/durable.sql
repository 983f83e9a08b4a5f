-- After a COMMIT whose answer was lost: which of these intents (true) may still be used, and which outcomes (false) are there.
SELECT TRUE, i.member_id, i.fence FROM /*rows $2: id bigint, fence bigint*/ r
JOIN intents i ON i.member_id = r.id AND i.fence = r.fence
JOIN affected_members m ON m.id = r.id AND m.fence = r.fence AND m.status = 'sending'
WHERE (SELECT n.state FROM notices n WHERE n.id = m.notice_id) = 'released'
UNION ALL
SELECT FALSE, a.member_id, a.fence FROM /*rows $1: id bigint, fence bigint, at bigint, outcome text*/ r
JOIN attempts a ON a.member_id = r.id AND a.fence = r.fence AND a.outcome = r.outcome
