SELECT url, on_day, until_day, actor, at FROM substitutes
WHERE notice_id = $1 AND member_id IS NULL AND kind = 'published'
  AND id NOT IN (SELECT x.revokes FROM substitutes x WHERE x.notice_id = $1 AND x.revokes IS NOT NULL)
ORDER BY on_day, id
