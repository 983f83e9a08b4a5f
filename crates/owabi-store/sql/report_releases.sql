SELECT r.at, r.actor, r.fingerprint, r.roster_hash, r.members,
       (SELECT MAX(l.body) FROM ledger l
        WHERE l.kind = 'release' AND l.notice_id = r.notice_id AND l.at = r.at AND l.actor = r.actor
          AND l.body LIKE '%"roster_hash":"' || r.roster_hash || '"%')
FROM releases r WHERE r.notice_id = $1 ORDER BY r.at, r.roster_hash
