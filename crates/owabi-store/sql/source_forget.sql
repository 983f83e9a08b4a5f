-- Nobody reads it any more: nothing waits for it, and its silence says nothing. Read again, it is begun anew.
DELETE FROM sources WHERE host = $1 AND name = $2
