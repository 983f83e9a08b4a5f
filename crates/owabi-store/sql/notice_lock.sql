-- When its personal data went; whoever purges, or adds something personal to the notice itself, waits for the others.
SELECT n.purged_at FROM notices n WHERE n.id = $1 /*lock*/
