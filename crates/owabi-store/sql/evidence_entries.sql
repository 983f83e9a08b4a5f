-- Entries in their one order, each with the row that it names. $2 and $3: only one kind, only one notice; empty: all.
SELECT l.seq, l.at, l.actor, l.kind, l.notice_id, l.member_id, l.number, l.body,
       a.member_id, a.fence, a.at, a.outcome, a.spent, a.reason, a.phase, a.code, a.enhanced, a.reply, a.queue_id, a.tls, a.duration_ms,
       i.member_id, i.fence, i.at, i.relay, i.rcpt_to, i.message_id, i.envid, i.mail_sha256, i.mail_bytes, i.possible_duplicate,
       r.id, r.member_id, r.round, r.number, r.at, r.reported_at, r.source, r.evidence, r.part, r.matched_by, r.says, r.recipient,
       r.status, r.reason, r.detail, r.queue_id, r.status_before, r.status_after,
       c.id, c.member_id, c.at, c.actor, c.reason, c.old_email, c.new_email,
       s.id, s.notice_id, s.member_id, s.kind, s.on_day, s.until_day, s.url, s.note, s.revokes, s.actor, s.at,
       e.member_id, e.batch_id, e.at, e.status_before, e.reason_before, e.tries_before, e.fingerprint
FROM (SELECT * FROM ledger x WHERE x.seq > $1 AND ($2 = '' OR x.kind = $2) AND ($3 = '' OR x.notice_id = $3) ORDER BY x.seq LIMIT $4) l
LEFT JOIN attempts a ON l.kind = 'attempt' AND a.member_id = l.member_id AND a.number = l.number
LEFT JOIN intents i ON l.kind = 'attempt' AND i.member_id = l.member_id AND i.number = l.number
LEFT JOIN receipts r ON l.kind = 'receipt' AND r.id = l.number
LEFT JOIN corrections c ON l.kind = 'correction' AND c.id = l.number
LEFT JOIN substitutes s ON l.kind = 'substitute' AND s.id = l.number
LEFT JOIN resends e ON l.kind = 'resent' AND e.member_id = l.member_id AND e.round = l.number
ORDER BY l.seq
