-- One row a mail of a member; one for a member without any.
SELECT m.id, m.notice_id, m.member_no, m.email, m.status, m.reason, m.round, m.fence, m.possible_duplicate, m.due_at, m.updated_at,
       i.number, i.message_id, i.envid, i.rcpt_to, a.outcome, a.queue_id, a.phase,
       n.purged_at IS NOT NULL
FROM /*rows $1: id bigint*/ r
JOIN affected_members m ON m.id = r.id
JOIN notices n ON n.id = m.notice_id
LEFT JOIN intents i ON i.member_id = m.id
LEFT JOIN attempts a ON a.member_id = i.member_id AND a.number = i.number
