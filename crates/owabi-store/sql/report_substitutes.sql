-- What was done for members instead of a mail and not revoked: people by status and way; way '' counts each of them once.
SELECT m.status, s.kind, COUNT(DISTINCT m.id)
FROM (SELECT member_id, kind FROM substitutes
      WHERE notice_id = $1 AND member_id IS NOT NULL AND kind IN ('letter', 'telephone', 'visit', 'other')
        AND id NOT IN (SELECT x.revokes FROM substitutes x WHERE x.notice_id = $1 AND x.revokes IS NOT NULL)) s
JOIN affected_members m ON m.id = s.member_id
GROUP BY m.status, s.kind
UNION ALL
SELECT m.status, '', COUNT(*)
FROM (SELECT DISTINCT member_id FROM substitutes
      WHERE notice_id = $1 AND member_id IS NOT NULL AND kind IN ('letter', 'telephone', 'visit', 'other')
        AND id NOT IN (SELECT x.revokes FROM substitutes x WHERE x.notice_id = $1 AND x.revokes IS NOT NULL)) s
JOIN affected_members m ON m.id = s.member_id
GROUP BY m.status
