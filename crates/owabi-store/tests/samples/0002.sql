-- What version 2 adds.

INSERT INTO daemons (id, host, pid, version, started_at, seen_at, shares) VALUES
    ('0191-d', 'mail1', 4711, '0.1.0', 6000, 7000, '{"relay:main:connections":10}');

INSERT INTO affected_members (notice_id, member_no, name, email, status, queued_at, attempts, tries, fence, updated_at)
VALUES ('next', 'M1', '山田 太郎', 'taro@example.jp', 'accepted', 6000, 1, 1, 1, 6500);
INSERT INTO attempts (member_id, number, fence, at, outcome, spent)
SELECT id, 1, 1, 6500, 'accepted', TRUE FROM affected_members WHERE notice_id = 'next';
