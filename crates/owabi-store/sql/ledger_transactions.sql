-- The oldest transaction that still runs, and the one that begins next.
SELECT /*oldest transaction*/, /*next transaction*/
