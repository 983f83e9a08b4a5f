-- Personal values that are still there, by table.
SELECT 'members', COUNT(*) FROM affected_members m
WHERE m.notice_id = $1 AND (m.name <> '' OR m.payments <> '[]' OR m.fields <> '{}' OR NOT /*keyed m.email*/
                            OR NOT /*keyed m.given_email*/)
UNION ALL SELECT 'intents', COUNT(*) FROM intents i JOIN affected_members m ON m.id = i.member_id
WHERE m.notice_id = $1 AND NOT /*keyed i.rcpt_to*/
UNION ALL SELECT 'attempts', COUNT(*) FROM attempts a JOIN affected_members m ON m.id = a.member_id
WHERE m.notice_id = $1 AND NOT /*keyed a.reply*/
UNION ALL SELECT 'receipts', COUNT(*) FROM receipts r JOIN affected_members m ON m.id = r.member_id
WHERE m.notice_id = $1 AND (NOT /*keyed r.recipient*/ OR NOT /*keyed r.detail*/)
UNION ALL SELECT 'corrections', COUNT(*) FROM corrections c JOIN affected_members m ON m.id = c.member_id
WHERE m.notice_id = $1 AND (NOT /*keyed c.old_email*/ OR NOT /*keyed c.new_email*/ OR NOT /*keyed c.reason*/)
UNION ALL SELECT 'substitutes', COUNT(*) FROM substitutes s WHERE s.notice_id = $1 AND NOT /*keyed s.note*/
UNION ALL SELECT 'arrivals', COUNT(*) FROM arrivals a JOIN affected_members m ON m.id = a.member_id
WHERE m.notice_id = $1 AND (a.content IS NOT NULL OR a.sender IS NOT NULL OR a.subject IS NOT NULL OR a.envelope_to IS NOT NULL)
UNION ALL SELECT 'findings', COUNT(*) FROM findings f JOIN batches b ON b.id = f.batch_id WHERE b.notice_id = $1 AND f.detail <> ''
UNION ALL SELECT 'batches', COUNT(*) FROM batches b WHERE b.notice_id = $1 AND COALESCE(b.file_name, '') <> ''
