-- A daemon that starts: what it has seen before is no look of today. $3: it looks before it sends, so that the time for which a
-- source could not be read may go on.
INSERT INTO sources (host, name, bounces, followed, since) SELECT r.host, r.name, r.bounces <> 0, TRUE, $2
FROM /*rows $1: host text, name text, bounces bigint*/ r
WHERE TRUE
ON CONFLICT (host, name) DO UPDATE SET bounces = excluded.bounces, followed = TRUE, 
    since = CASE WHEN $3 AND sources.trouble IS NOT NULL THEN sources.since ELSE excluded.since END
