-- A daemon that starts. The patience with a source that cannot be read goes on, or
-- one that is started often would wait for ever.
INSERT INTO sources (host, name, bounces, followed, since) SELECT r.host, r.name, r.bounces <> 0, TRUE, $2
FROM /*rows $1: host text, name text, bounces bigint*/ r
WHERE TRUE
ON CONFLICT (host, name) DO UPDATE
SET bounces = excluded.bounces, followed = TRUE,
    since = CASE WHEN sources.trouble IS NULL THEN excluded.since ELSE sources.since END
