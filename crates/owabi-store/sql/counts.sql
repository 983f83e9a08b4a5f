SELECT notice_id, status, COUNT(*) FROM affected_members GROUP BY notice_id, status ORDER BY notice_id, status
