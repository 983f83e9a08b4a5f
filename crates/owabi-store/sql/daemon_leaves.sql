-- One daemon, or those that were not seen since $2.
DELETE FROM daemons WHERE id = $1 OR seen_at < $2
