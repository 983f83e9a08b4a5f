-- What version 4 adds.

INSERT INTO releases (notice_id, at, actor, fingerprint, roster_hash, members, definition) VALUES ('next', 6000, 'hanako', 'f3', 'r3', 1, 'd');
INSERT INTO batches (id, notice_id, kind, actor, reason, selection, at) VALUES ('0192-r', 'next', 'resend', 'hanako', '届いていないとの電話', '{"member":"M1"}', 8000);
INSERT INTO resends (member_id, round, batch_id, at, status_before, reason_before, tries_before, fingerprint)
SELECT id, 2, '0192-r', 8000, 'failed', 'mailbox_full', 1, 'f3' FROM affected_members WHERE notice_id = 'next';
INSERT INTO corrections (member_id, at, actor, reason, old_email, new_email)
SELECT id, 7900, 'hanako', '本人からの電話', email, 'taro2@example.jp' FROM affected_members WHERE notice_id = 'next';
INSERT INTO substitutes (notice_id, member_id, kind, on_day, note, actor, at)
SELECT 'next', id, 'letter', '2026-11-30', '書留', 'hanako', 8100 FROM affected_members WHERE notice_id = 'next';
INSERT INTO users (name, role, os_user, created_at, updated_at) VALUES ('鈴木 花子', 'approver', 'hanako', 8000, 8000);
INSERT INTO seals (number, at, first_seq, last_seq, entries, text, signature) VALUES (1, 8200, 1, 2, 2, 'a seal', 'ab');
