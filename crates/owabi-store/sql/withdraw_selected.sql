-- A claimed row ($12: those that are ours) whose body has not begun to leave is taken from its daemon, too: after this its fence refuses
-- the daemon's intent.
UPDATE affected_members AS m SET status = 'withdrawn', reason = $10, due_at = NULL, updated_at = $11, fence = m.fence + 1
WHERE /*matching*/ AND ($9 = '[]' OR m.status /*among $9*/)
  AND (m.status IN ('held', 'queued')
       OR (m.status = 'sending' AND m.id IN (SELECT r.id FROM /*rows $12: id bigint*/ r)
           AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.member_id = m.id AND i.number = m.tries + 1)))
