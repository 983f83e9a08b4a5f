-- Accepted by $1, and nothing came back: how many of each notice.
SELECT notice_id, COUNT(*) FROM affected_members WHERE status = 'accepted' AND updated_at <= $1 GROUP BY notice_id
