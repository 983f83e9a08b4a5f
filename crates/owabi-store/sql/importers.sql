-- Whose imports brought the held rows, or may have renewed them: what is held now came after the last release.
SELECT DISTINCT b.actor FROM batches b JOIN notices n ON n.id = b.notice_id
WHERE b.notice_id = $1 AND b.kind = 'import'
  AND (EXISTS (SELECT 1 FROM affected_members m WHERE m.notice_id = $1 AND m.status = 'held' AND m.batch_id = b.id)
       OR (b.merged > 0 AND b.at >= COALESCE(n.released_at, 0)))
ORDER BY b.actor
