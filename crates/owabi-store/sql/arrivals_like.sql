-- By the first letters of the hash, as people type them.
SELECT sha256 FROM arrivals WHERE sha256 >= $1 AND sha256 < $2 ORDER BY sha256 LIMIT 2
