-- What no entry explains, or what an entry names that is gone: of each sort the first.
SELECT * FROM (SELECT 'copying', '', '', CAST(0 AS BIGINT) FROM meta WHERE key = 'copying') a
UNION ALL SELECT * FROM (
    SELECT 'member_gone', COALESCE(l.notice_id, ''), CAST(l.member_id AS TEXT), l.seq
    FROM ledger l LEFT JOIN affected_members m ON m.id = l.member_id WHERE l.member_id IS NOT NULL AND m.id IS NULL LIMIT 1) b
UNION ALL SELECT * FROM (
    SELECT 'members_differ', b.notice_id, b.id, COALESCE(c.members, 0)
    FROM batches b LEFT JOIN (SELECT batch_id, COUNT(*) AS members FROM affected_members GROUP BY batch_id) c ON c.batch_id = b.id
    WHERE b.kind = 'import' AND COALESCE(c.members, 0) <> b.imported + b.unreachable LIMIT 1) c
UNION ALL SELECT * FROM (
    SELECT 'not_entered', '', t.name, t.held - COALESCE(l.entries, 0)
    FROM (SELECT 'attempt' AS kind, 'attempts' AS name, COUNT(*) AS held FROM attempts
          UNION ALL SELECT 'receipt', 'receipts', COUNT(*) FROM receipts
          UNION ALL SELECT 'correction', 'corrections', COUNT(*) FROM corrections
          UNION ALL SELECT 'substitute', 'substitutes', COUNT(*) FROM substitutes
          UNION ALL SELECT 'resent', 'resends', COUNT(*) FROM resends) t
    LEFT JOIN (SELECT kind, COUNT(*) AS entries FROM ledger WHERE body = '' GROUP BY kind) l ON l.kind = t.kind
    WHERE t.held <> COALESCE(l.entries, 0) LIMIT 1) e
