-- One daemon at a time looks at the others' shares and chooses its own.
SELECT value FROM meta WHERE key = 'fleet' /*for update*/
