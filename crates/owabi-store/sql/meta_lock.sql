-- Whoever changes it holds it meanwhile.
SELECT value FROM meta WHERE key = $1 /*for update*/
