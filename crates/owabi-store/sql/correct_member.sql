-- Not while a mail is on its way: that one goes to the old address. Since when the status stands does not change.
UPDATE affected_members SET email = $2, plain_form = FALSE
WHERE id = $1 AND status <> 'sending' AND COALESCE(email, '') = $3
