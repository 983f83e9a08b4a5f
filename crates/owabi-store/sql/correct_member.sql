-- Not while a mail is on its way: that one goes to the old address. Since when the status stands does not change.
UPDATE affected_members SET email = $2, plain_form = FALSE
WHERE id = $1 AND status <> 'sending' AND COALESCE(email, '') = $3
  AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.id = affected_members.notice_id AND n.purged_at IS NOT NULL)
