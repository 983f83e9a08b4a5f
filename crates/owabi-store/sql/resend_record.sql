-- Whom the batch sends to again, each locked as they stand: nobody is chosen twice, whatever happens beside it.
INSERT INTO resends (member_id, round, batch_id, at, status_before, reason_before, tries_before, fingerprint)
SELECT m.id, m.round + 1, $13, $14, m.status, m.reason, m.tries, $15
FROM affected_members m
WHERE /*matching*/ AND /*resend class*/ = 'selected'
/*for update*/
