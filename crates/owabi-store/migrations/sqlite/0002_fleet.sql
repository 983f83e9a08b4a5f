-- Many daemons on one queue, on PostgreSQL; the same tables here, so that one text serves both.

-- A claim takes what is queued; a row whose lease ended is put back in the queue, or in doubt, first.
DROP INDEX affected_members_due;
DROP INDEX affected_members_sending;
CREATE INDEX affected_members_due ON affected_members (notice_id, due_at, id) WHERE status = 'queued';
-- Only for finding leases that ended: the second condition keeps a settle, which knows its rows, from reading all of it.
CREATE INDEX affected_members_sending ON affected_members (due_at) WHERE status = 'sending' AND due_at IS NOT NULL;

-- The claim that wrote the outcome; NULL when it was closed because the lease had ended.
ALTER TABLE attempts ADD COLUMN fence BIGINT;

-- The daemons at work and their parts of what is limited for all of them together.
CREATE TABLE daemons (
    id         TEXT PRIMARY KEY,
    host       TEXT NOT NULL,
    pid        BIGINT NOT NULL,
    version    TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    shares     TEXT NOT NULL
) WITHOUT ROWID;
-- Whoever changes its shares holds this row meanwhile.
INSERT INTO meta (key, value) VALUES ('fleet', '1');
-- The queue's own name, which goes with it wherever it is copied to.
INSERT INTO meta (key, value) VALUES ('queue', lower(hex(randomblob(16))));

-- A queue that was copied to another database is closed: what two databases send, members get twice.
CREATE TRIGGER affected_members_closed_i BEFORE INSERT ON affected_members WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
CREATE TRIGGER affected_members_closed_u BEFORE UPDATE ON affected_members WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
CREATE TRIGGER affected_members_closed_d BEFORE DELETE ON affected_members WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
CREATE TRIGGER intents_closed_i BEFORE INSERT ON intents WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
CREATE TRIGGER notices_closed_i BEFORE INSERT ON notices WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
CREATE TRIGGER notices_closed_u BEFORE UPDATE ON notices WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
CREATE TRIGGER notices_closed_d BEFORE DELETE ON notices WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
CREATE TRIGGER approvals_closed_i BEFORE INSERT ON approvals WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
