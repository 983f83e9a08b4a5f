SELECT kind, state, COALESCE(why, ''), COUNT(*) FROM arrivals GROUP BY kind, state, COALESCE(why, '') ORDER BY 1, 2, 3
