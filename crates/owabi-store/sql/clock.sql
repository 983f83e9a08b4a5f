-- The database's clock in epoch milliseconds: what the daemons of a fleet have in common.
SELECT /*clock*/
