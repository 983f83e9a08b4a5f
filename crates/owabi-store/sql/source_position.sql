SELECT position FROM sources WHERE host = $1 AND name = $2
