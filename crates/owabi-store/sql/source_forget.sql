-- Nobody reads it any more: nothing waits for it.
UPDATE sources SET followed = FALSE WHERE host = $1 AND name = $2 AND followed
