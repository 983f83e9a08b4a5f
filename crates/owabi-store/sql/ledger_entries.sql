-- Entries by their numbers, as one text: a line for each, made of a JSON array of the entry and another one of the row that it
-- names, if that is there. JSON has no newlines of its own. One text is several times faster than a row for each entry.
SELECT string_agg(CAST(/*json array*/(l.seq, l.at, l.actor, l.kind, l.notice_id, l.member_id, l.number, l.body) AS TEXT) || COALESCE(
    CASE WHEN l.body <> '' THEN NULL
    WHEN l.kind = 'attempt' THEN (
        SELECT CAST(/*json array*/(a.fence, a.at, a.outcome, a.spent, a.reason, a.phase, a.code, a.enhanced, a.reply, a.queue_id, a.tls,
            a.duration_ms, i.fence, i.at, i.relay, i.rcpt_to, i.message_id, i.envid, i.mail_sha256, i.mail_bytes, i.possible_duplicate) AS TEXT)
        FROM attempts a LEFT JOIN intents i ON i.member_id = a.member_id AND i.number = a.number
        WHERE a.member_id = l.member_id AND a.number = l.number)
    WHEN l.kind = 'receipt' THEN (
        SELECT CAST(/*json array*/(r.member_id, r.round, r.number, r.at, r.reported_at, r.source, r.evidence, r.part, r.matched_by, r.says,
            r.recipient, r.status, r.reason, r.detail, r.queue_id, r.status_before, r.status_after) AS TEXT)
        FROM receipts r WHERE r.id = l.number)
    WHEN l.kind = 'correction' THEN (
        SELECT CAST(/*json array*/(c.member_id, c.at, c.actor, c.reason, c.old_email, c.new_email) AS TEXT)
        FROM corrections c WHERE c.id = l.number)
    WHEN l.kind = 'substitute' THEN (
        SELECT CAST(/*json array*/(s.notice_id, s.member_id, s.kind, s.on_day, s.until_day, s.url, s.note, s.revokes, s.actor, s.at) AS TEXT)
        FROM substitutes s WHERE s.id = l.number)
    WHEN l.kind = 'resent' THEN (
        SELECT CAST(/*json array*/(t.batch_id, t.at, t.status_before, t.reason_before, t.tries_before, t.fingerprint) AS TEXT)
        FROM resends t WHERE t.member_id = l.member_id AND t.round = l.number)
    END, ''), '
')
FROM ledger l
WHERE l.seq BETWEEN $1 AND $2
