-- Members whose address is not the last corrected one, or not letter by letter the one that was written to last.
SELECT w.id, w.notice_id, w.member_no, w.email, w.corrected, w.written FROM (
    SELECT m.id, m.notice_id, m.member_no, COALESCE(m.email, '') AS email,
        (SELECT c.new_email FROM corrections c WHERE c.member_id = m.id ORDER BY c.id DESC LIMIT 1) AS corrected,
        (SELECT i.rcpt_to FROM intents i WHERE i.member_id = m.id ORDER BY i.number DESC LIMIT 1) AS written
    FROM affected_members m WHERE m.id > $1 AND m.status NOT IN ('held', 'unreachable')) w
WHERE w.email <> COALESCE(w.corrected, w.written, w.email)
ORDER BY w.id LIMIT $2
