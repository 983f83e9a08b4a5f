-- Mails of a notice that left since $2 and have an outcome. It reads the notice's rows: see core/watch.rs for how seldom.
SELECT COUNT(*) FROM affected_members m
WHERE m.notice_id = $1 AND m.status IN ('accepted', 'delivered', 'failed', 'bounced') AND m.updated_at >= $2
  AND EXISTS (SELECT 1 FROM attempts a WHERE a.member_id = m.id AND a.number = m.tries AND a.at >= $2
              AND (a.spent OR m.status <> 'failed'))
