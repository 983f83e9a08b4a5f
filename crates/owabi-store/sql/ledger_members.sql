SELECT id, member_no, notice_id, status FROM affected_members WHERE id > $1 ORDER BY id LIMIT $2
