-- Grants only what is still ours: same fence, lease long enough for the reply to the dot, notice still released. A row that is being
-- taken away at this moment is not granted.
INSERT INTO intents (member_id, number, fence, at, relay, rcpt_to, message_id, envid, mail_sha256, mail_bytes, possible_duplicate)
SELECT m.id, m.tries + 1, m.fence, $3, r.relay, r.rcpt_to, r.message_id, r.envid, r.mail_sha256, r.mail_bytes, m.possible_duplicate
FROM /*rows $2: id bigint, fence bigint, lease_at_least bigint, relay text, rcpt_to text, message_id text, envid text, mail_sha256 text, mail_bytes bigint*/ r
JOIN affected_members m ON m.id = r.id
WHERE m.status = 'sending' AND m.fence = r.fence AND COALESCE(m.due_at, 0) >= r.lease_at_least
  AND (SELECT n.state FROM notices n WHERE n.id = m.notice_id) = 'released'
/*skip locked*/
ON CONFLICT (member_id, number) DO NOTHING
RETURNING member_id, fence
