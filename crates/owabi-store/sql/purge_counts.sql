-- Personal values that are still there, by table.
SELECT 'members', COUNT(*) FROM affected_members m
WHERE m.notice_id = $1 AND (m.name <> '' OR m.payments <> '[]' OR m.fields <> '{}' OR COALESCE(m.email, 'keyed:') NOT LIKE 'keyed:%'
                            OR COALESCE(m.given_email, 'keyed:') NOT LIKE 'keyed:%')
UNION ALL SELECT 'intents', COUNT(*) FROM intents i JOIN affected_members m ON m.id = i.member_id
WHERE m.notice_id = $1 AND i.rcpt_to NOT LIKE 'keyed:%'
UNION ALL SELECT 'attempts', COUNT(*) FROM attempts a JOIN affected_members m ON m.id = a.member_id
WHERE m.notice_id = $1 AND COALESCE(a.reply, 'keyed:') NOT LIKE 'keyed:%'
UNION ALL SELECT 'receipts', COUNT(*) FROM receipts r JOIN affected_members m ON m.id = r.member_id
WHERE m.notice_id = $1 AND (COALESCE(r.recipient, 'keyed:') NOT LIKE 'keyed:%' OR COALESCE(r.detail, 'keyed:') NOT LIKE 'keyed:%')
UNION ALL SELECT 'corrections', COUNT(*) FROM corrections c JOIN affected_members m ON m.id = c.member_id
WHERE m.notice_id = $1 AND (COALESCE(c.old_email, 'keyed:') NOT LIKE 'keyed:%' OR c.new_email NOT LIKE 'keyed:%' OR c.reason NOT LIKE 'keyed:%')
UNION ALL SELECT 'substitutes', COUNT(*) FROM substitutes s WHERE s.notice_id = $1 AND COALESCE(s.note, 'keyed:') NOT LIKE 'keyed:%'
UNION ALL SELECT 'arrivals', COUNT(*) FROM arrivals a JOIN affected_members m ON m.id = a.member_id
WHERE m.notice_id = $1 AND (a.content IS NOT NULL OR a.sender IS NOT NULL OR a.subject IS NOT NULL OR a.envelope_to IS NOT NULL)
UNION ALL SELECT 'findings', COUNT(*) FROM findings f JOIN batches b ON b.id = f.batch_id WHERE b.notice_id = $1 AND f.detail <> ''
UNION ALL SELECT 'batches', COUNT(*) FROM batches b WHERE b.notice_id = $1 AND COALESCE(b.file_name, '') <> ''
