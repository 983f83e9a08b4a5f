-- What this host's daemon does not read any more.
UPDATE sources SET followed = FALSE WHERE host = $1 AND followed
