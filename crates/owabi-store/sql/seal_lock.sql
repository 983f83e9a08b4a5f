SELECT value FROM meta WHERE key = 'sealer' /*for update*/
