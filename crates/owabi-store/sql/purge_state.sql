-- What speaks for or against a purge. Without any attempt the time counts from the notice's last change.
SELECT n.title, n.legal_hold, n.purged_at,
       COALESCE((SELECT MAX(a.at) FROM attempts a JOIN affected_members m ON m.id = a.member_id WHERE m.notice_id = n.id), n.updated_at),
       (SELECT COUNT(*) FROM affected_members m WHERE m.notice_id = n.id AND m.status IN ('held', 'queued', 'sending', 'in_doubt'))
FROM notices n WHERE n.id = $1
