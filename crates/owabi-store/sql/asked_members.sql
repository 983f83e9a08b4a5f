-- Who of a notice has, or had, one of these addresses: now, in the roster, in a further line of it, before a correction, or on the wire.
SELECT m.id FROM affected_members m
WHERE m.notice_id = $1
  AND (m.email /*among $2*/ OR m.given_email /*among $2*/
       OR m.member_no IN (SELECT f.member_no FROM findings f JOIN batches b ON b.id = f.batch_id
                          WHERE b.notice_id = $1 AND f.kind = 'address_differs' AND f.detail /*among $2*/)
       OR m.id IN (SELECT c.member_id FROM corrections c WHERE c.old_email /*among $2*/ OR c.new_email /*among $2*/)
       OR m.id IN (SELECT i.member_id FROM intents i WHERE i.rcpt_to /*among $2*/))
ORDER BY m.id
