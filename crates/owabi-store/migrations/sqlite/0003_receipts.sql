-- What came back after the relay's 250.

-- A bounce that names only the recipient finds its member by the address.
CREATE INDEX affected_members_email ON affected_members (lower(email)) WHERE email IS NOT NULL;

-- Evidence on a mail that left: a mail server's notification, a line of the relay's log, a person's word. Append-only.
CREATE TABLE receipts (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    member_id     BIGINT NOT NULL REFERENCES affected_members (id),
    round         BIGINT,
    number        BIGINT,
    at            BIGINT NOT NULL,
    reported_at   BIGINT,
    source        TEXT NOT NULL,
    evidence      TEXT NOT NULL,
    part          BIGINT NOT NULL,
    matched_by    TEXT NOT NULL CHECK (matched_by IN ('token', 'envid', 'message_id', 'queue_id', 'recipient', 'person')),
    says          TEXT NOT NULL CHECK (says IN ('delivered', 'relayed', 'failed', 'delayed', 'taken')),
    recipient     TEXT,
    status        TEXT,
    reason        TEXT,
    detail        TEXT,
    queue_id      TEXT,
    status_before TEXT NOT NULL,
    status_after  TEXT NOT NULL,
    UNIQUE (evidence, part)
);
CREATE INDEX receipts_by_member ON receipts (member_id, id);
CREATE INDEX receipts_by_queue_id ON receipts (queue_id) WHERE queue_id IS NOT NULL;
CREATE TRIGGER receipts_stay_u BEFORE UPDATE ON receipts BEGIN SELECT RAISE(ABORT, 'receipts are append-only'); END;
CREATE TRIGGER receipts_stay_d BEFORE DELETE ON receipts BEGIN SELECT RAISE(ABORT, 'receipts are append-only'); END;

-- What arrived, by the hash of its octets, so that nothing is taken twice. `content` is the whole of it: base64 of a mail,
-- JSON of what a log said; NULL for a notification of success, whose receipt says all.
CREATE TABLE arrivals (
    sha256      TEXT PRIMARY KEY,
    at          BIGINT NOT NULL,
    source      TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('bounce', 'auto_reply', 'complaint', 'other', 'log')),
    state       TEXT NOT NULL CHECK (state IN ('matched', 'parked', 'review', 'ignored', 'dismissed')),
    why         TEXT,
    member_id   BIGINT REFERENCES affected_members (id),
    envelope_to TEXT,
    sender      TEXT,
    subject     TEXT,
    size        BIGINT NOT NULL,
    content     TEXT,
    updated_at  BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX arrivals_open ON arrivals (state, at) WHERE state IN ('parked', 'review');
-- `status --watch` counts without touching the mails. `why` is a word of ours, never a person's.
CREATE INDEX arrivals_counted ON arrivals (kind, state, why);

-- Where receipts come from, and how far each was read. A mail in doubt is not sent again before those that a daemon follows
-- were looked at.
CREATE TABLE sources (
    host       TEXT NOT NULL,
    name       TEXT NOT NULL,
    bounces    BOOLEAN NOT NULL,
    followed   BOOLEAN NOT NULL,
    since      BIGINT NOT NULL,
    looked_at  BIGINT,
    position   TEXT,
    trouble    TEXT,
    trouble_at BIGINT,
    PRIMARY KEY (host, name)
) WITHOUT ROWID;

-- A queue that was moved takes no receipts: they belong where its members are.
CREATE TRIGGER receipts_closed_i BEFORE INSERT ON receipts WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
CREATE TRIGGER arrivals_closed_i BEFORE INSERT ON arrivals WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
CREATE TRIGGER arrivals_closed_u BEFORE UPDATE ON arrivals WHEN EXISTS (SELECT 1 FROM meta WHERE key = 'moved_to')
    BEGIN SELECT RAISE(ABORT, 'this queue was moved to another database'); END;
