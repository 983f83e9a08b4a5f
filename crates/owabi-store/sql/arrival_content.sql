UPDATE arrivals SET content = $2 WHERE sha256 = $1 AND content IS NULL
