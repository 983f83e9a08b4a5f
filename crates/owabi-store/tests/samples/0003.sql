-- What version 3 adds.

INSERT INTO receipts (member_id, round, number, at, reported_at, source, evidence, part, matched_by, says, recipient, status, reason, detail, queue_id, status_before, status_after)
SELECT id, 1, 1, 7000, 6900, 'maildir:/var/mail/bounces', 'aa', 0, 'token', 'delayed', email, '4.4.1', 'remote', 'connection timed out', '4F1Bxy', 'accepted', 'accepted'
FROM affected_members WHERE notice_id = 'next';
INSERT INTO arrivals (sha256, at, source, kind, state, why, member_id, envelope_to, sender, subject, size, content, updated_at)
SELECT 'aa', 7000, 'maildir:/var/mail/bounces', 'bounce', 'matched', NULL, id, 'bounces+1-x@example.jp', 'MAILER-DAEMON@example.jp', '件名', 3, 'YWJj', 7000
FROM affected_members WHERE notice_id = 'next';
INSERT INTO arrivals (sha256, at, source, kind, state, why, size, content, updated_at)
VALUES ('bb', 7100, 'pipe', 'other', 'review', 'no_bounce', 3, 'YWJj', 7100);
INSERT INTO sources (host, name, bounces, followed, since, looked_at, position, trouble, trouble_at)
VALUES ('mail1', 'maildir:/var/mail/bounces', TRUE, TRUE, 6000, 7000, NULL, NULL, NULL),
       ('mail1', 'maillog:/var/log/mail.log', FALSE, FALSE, 6000, NULL, '{"offset":7}', 'permission denied', 6500);
