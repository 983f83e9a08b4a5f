SELECT m.member_no, m.id FROM affected_members m WHERE m.notice_id = $1 AND m.member_no /*among $2*/
