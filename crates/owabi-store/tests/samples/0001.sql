-- What a database of version 1 may hold, one member in every status. Loaded as it is on both databases.

INSERT INTO meta (key, value) VALUES ('key', 'fingerprint of the key');

INSERT INTO notices (id, title, state, state_reason, fingerprint, roster_hash, definition, released_at, updated_at) VALUES
    ('metaps-2022', 'クレジットカード情報漏えいのお詫び', 'released', NULL, 'f1', 'r1', '{"notice":"…"}', 1000, 1000),
    ('next', 'つぎのお知らせ', 'draft', NULL, NULL, NULL, NULL, NULL, 1100),
    ('taken-back', '取り下げたお知らせ', 'withdrawn', '文面の誤り', 'f2', 'r2', 'd', 900, 950);

INSERT INTO batches (id, notice_id, kind, actor, file_name, file_sha256, encoding, lines, imported, merged, unreachable, not_affected, refused, at) VALUES
    ('0190-a', 'metaps-2022', 'import', 'hanako', '決済.csv', 'aa', 'Shift_JIS', 14, 8, 1, 1, 3, 1, 500);

INSERT INTO affected_members (notice_id, member_no, name, email, given_email, cohorts, payments, fields, batch_id, status, reason, due_at, queued_at, attempts, tries, fence, round, possible_duplicate, plain_form, updated_at) VALUES
    ('metaps-2022', 'M1', '山田 太郎', 'taro@example.jp', 'Taro@example.jp', '["fee"]', '[{"paid_at":"2021-10-14","cohort":"fee","purpose":"登録費","method":"カード"}]', '{"備考":"なし"}', '0190-a', 'accepted', NULL, NULL, 1000, 1, 1, 1, 1, FALSE, FALSE, 2000),
    ('metaps-2022', 'M2', '鈴木 花子', 'hanako@example.jp', 'hanako@example.jp', '[]', '[]', '{}', '0190-a', 'queued', 'mailbox_full', 5000, 1000, 1, 1, 1, 1, FALSE, FALSE, 2000),
    ('metaps-2022', 'M3', '佐藤 次郎', '"a..b"@docomo.ne.jp', 'a..b@docomo.ne.jp', '[]', '[]', '{}', '0190-a', 'sending', NULL, 3000, 1000, 0, 0, 1, 1, FALSE, TRUE, 2400),
    ('metaps-2022', 'M4', '高橋 三郎', 'saburo@example.jp', 'saburo@example.jp', '[]', '[]', '{}', '0190-a', 'sending', NULL, 3000, 1000, 0, 0, 1, 1, FALSE, FALSE, 2400),
    ('metaps-2022', 'M5', '田中 四郎', 'shiro@example.jp', 'shiro@example.jp', '[]', '[]', '{}', '0190-a', 'in_doubt', 'lease_ended', 4000, 1000, 0, 1, 1, 1, FALSE, FALSE, 2400),
    ('metaps-2022', 'M6', '伊藤 五郎', 'goro@example.jp', 'goro@example.jp', '[]', '[]', '{}', '0190-a', 'failed', 'no_such_user', NULL, 1000, 1, 1, 1, 1, FALSE, FALSE, 2000),
    ('metaps-2022', 'M7', '渡辺 六郎', NULL, 'なし', '[]', '[]', '{}', '0190-a', 'unreachable', 'no_address', NULL, NULL, 0, 0, 0, 1, FALSE, FALSE, 500),
    ('metaps-2022', 'M8', '𠮷田 七郎', 'shichiro@example.jp', 'shichiro@example.jp', '[]', '[]', '{}', '0190-a', 'bounced', 'mailbox_gone', NULL, 1000, 1, 1, 1, 1, TRUE, FALSE, 2600),
    ('metaps-2022', 'M9', '山本 八郎', 'hachiro@example.jp', 'hachiro@example.jp', '[]', '[]', '{}', '0190-a', 'delivered', NULL, NULL, 1000, 1, 1, 1, 2, FALSE, FALSE, 2600),
    ('metaps-2022', 'M10', '中村 九郎', 'kuro@example.jp', NULL, '[]', '[]', '{}', NULL, 'held', NULL, NULL, NULL, 0, 0, 0, 1, FALSE, FALSE, 0),
    ('taken-back', 'M1', '山田 太郎', 'taro@example.jp', 'taro@example.jp', '[]', '[]', '{}', NULL, 'withdrawn', '文面の誤り', NULL, 900, 0, 0, 1, 1, FALSE, FALSE, 950);

INSERT INTO intents (member_id, number, fence, at, relay, rcpt_to, message_id, envid, mail_sha256, mail_bytes, possible_duplicate)
SELECT id, 1, 1, 1900, 'main', COALESCE(email, ''), 'm' || member_no, 'e' || member_no, 'ab', 4200, possible_duplicate
FROM affected_members WHERE notice_id = 'metaps-2022' AND member_no IN ('M1', 'M2', 'M3', 'M5', 'M6', 'M8', 'M9');

INSERT INTO attempts (member_id, number, at, outcome, spent, reason, phase, code, enhanced, reply, queue_id, tls, duration_ms)
SELECT id, 1, 2000, CASE status WHEN 'queued' THEN 'deferred' WHEN 'failed' THEN 'failed' ELSE 'accepted' END, TRUE, NULL, 'dot',
       CASE status WHEN 'queued' THEN 452 WHEN 'failed' THEN 550 ELSE 250 END, '2.0.0', '2.0.0 Ok: queued as 4F1Bxy', '4F1Bxy', NULL, 12
FROM affected_members WHERE notice_id = 'metaps-2022' AND member_no IN ('M1', 'M2', 'M6', 'M8', 'M9');
INSERT INTO attempts (member_id, number, at, outcome, spent, reason, phase)
SELECT id, 1, 2400, 'in_doubt', FALSE, 'lease_ended', 'dot' FROM affected_members WHERE status = 'in_doubt';

INSERT INTO findings (batch_id, line, kind, member_no, detail) VALUES ('0190-a', 7, 'refused', NULL, 'M99,,壊れた行');
INSERT INTO preflights (notice_id, at, actor, fingerprint, roster_hash, rows, problems) VALUES ('metaps-2022', 800, 'hanako', 'f1', 'r1', 9, 0);
INSERT INTO approvals (notice_id, at, actor, fingerprint, roster_hash) VALUES
    ('metaps-2022', 810, 'jiro', 'f1', 'r1'), ('metaps-2022', 820, 'saburo', 'f1', 'r1');
INSERT INTO ledger (at, actor, kind, notice_id, body) VALUES
    (500, 'hanako', 'import', 'metaps-2022', '{"batch":"0190-a"}'),
    (810, 'jiro', 'approve', 'metaps-2022', '{"fingerprint":"f1","roster_hash":"r1"}'),
    (820, 'saburo', 'approve', 'metaps-2022', '{"fingerprint":"f1","roster_hash":"r1"}'),
    (1000, 'hanako', 'release', 'metaps-2022', '{"queued":9}');
