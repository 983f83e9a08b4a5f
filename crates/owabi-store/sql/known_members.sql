-- The last column: 1 for somebody who was taken out and then told in another way.
SELECT m.id, m.member_no, m.name, m.email, m.cohorts, m.payments, m.fields, m.status, m.batch_id, m.queued_at,
    CAST(CASE WHEN m.status = 'withdrawn'
        AND EXISTS (SELECT 1 FROM substitutes s
                    WHERE s.notice_id = $1 AND s.member_id = m.id AND s.kind <> 'revoked'
                      AND NOT EXISTS (SELECT 1 FROM substitutes v WHERE v.notice_id = $1 AND v.member_id = m.id AND v.revokes = s.id))
        THEN 1 ELSE 0 END AS BIGINT)
FROM affected_members m
WHERE m.notice_id = $1 AND m.member_no /*among $2*/
