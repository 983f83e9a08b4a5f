-- By the index alone: the rows hold whole mails.
SELECT kind, state, COALESCE(why, ''), COUNT(*) FROM arrivals GROUP BY kind, state, why
