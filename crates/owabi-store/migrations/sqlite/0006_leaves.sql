-- The hashes of a seal's entries, one after the other in base 64: they tell which entry was changed.
ALTER TABLE seals ADD COLUMN leaves TEXT NOT NULL DEFAULT '';
-- Entries up to this one are older than the rule that every change of a status has an entry.
INSERT INTO meta (key, value) SELECT 'statuses_told_from', CAST(COALESCE(MAX(seq), 0) AS TEXT) FROM ledger;
INSERT INTO ledger (at, actor, kind, body)
SELECT x.at, 'owabi', 'upgraded', '{"statuses_told_from":' || x.seq || '}' FROM (SELECT MAX(at) AS at, MAX(seq) AS seq FROM ledger) x WHERE x.seq IS NOT NULL;
