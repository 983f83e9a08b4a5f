-- The queue, what left it, and who decided. Times are epoch milliseconds (UTC).

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- What is said about one incident. `draft` until released; the released texts stay as they were approved.
CREATE TABLE notices (
    id           TEXT PRIMARY KEY,
    title        TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'released', 'paused', 'withdrawn')),
    state_reason TEXT,
    fingerprint  TEXT,
    roster_hash  TEXT,
    definition   TEXT,
    released_at  BIGINT,
    updated_at   BIGINT NOT NULL
);

-- One import, or one resend.
CREATE TABLE batches (
    id              TEXT PRIMARY KEY,
    notice_id       TEXT NOT NULL REFERENCES notices (id),
    kind            TEXT NOT NULL CHECK (kind IN ('import', 'resend')),
    actor           TEXT NOT NULL,
    reason          TEXT,
    selection       TEXT,
    file_name       TEXT,
    file_sha256     TEXT,
    encoding        TEXT,
    lines           BIGINT NOT NULL DEFAULT 0,
    imported        BIGINT NOT NULL DEFAULT 0,
    merged          BIGINT NOT NULL DEFAULT 0,
    unreachable     BIGINT NOT NULL DEFAULT 0,
    not_affected    BIGINT NOT NULL DEFAULT 0,
    already_present BIGINT NOT NULL DEFAULT 0,
    refused         BIGINT NOT NULL DEFAULT 0,
    at              BIGINT NOT NULL
);
CREATE INDEX batches_by_file ON batches (notice_id, file_sha256);

-- The queue table: one row is one person owed one notice. A public interface: see docs/queue-table.md.
CREATE TABLE affected_members (
    id                 INTEGER PRIMARY KEY,
    notice_id          TEXT NOT NULL REFERENCES notices (id),
    member_no          TEXT NOT NULL CHECK (member_no <> ''),
    name               TEXT NOT NULL,
    email              TEXT,
    given_email        TEXT,
    cohorts            TEXT NOT NULL DEFAULT '[]',
    payments           TEXT NOT NULL DEFAULT '[]',
    fields             TEXT NOT NULL DEFAULT '{}',
    batch_id           TEXT REFERENCES batches (id),
    status             TEXT NOT NULL DEFAULT 'held' CHECK (status IN ('held', 'queued', 'sending', 'accepted',
                           'delivered', 'failed', 'bounced', 'in_doubt', 'unreachable', 'withdrawn')),
    reason             TEXT,
    due_at             BIGINT,
    queued_at          BIGINT,
    attempts           BIGINT NOT NULL DEFAULT 0,
    tries              BIGINT NOT NULL DEFAULT 0,
    fence              BIGINT NOT NULL DEFAULT 0,
    round              BIGINT NOT NULL DEFAULT 1,
    possible_duplicate BOOLEAN NOT NULL DEFAULT FALSE,
    plain_form         BOOLEAN NOT NULL DEFAULT FALSE,
    updated_at         BIGINT NOT NULL DEFAULT 0,
    UNIQUE (notice_id, member_no),
    CHECK (status <> 'queued' OR (due_at IS NOT NULL AND queued_at IS NOT NULL)),
    CHECK (status <> 'sending' OR due_at IS NOT NULL)
);
-- Pages in the order of the rows: without it each page would sort the whole notice.
CREATE INDEX affected_members_page ON affected_members (notice_id, id);
CREATE INDEX affected_members_due ON affected_members (notice_id, due_at, id) WHERE status IN ('queued', 'sending');
-- Each claim first looks for leases that ended: without its own index it would read the whole notice.
CREATE INDEX affected_members_sending ON affected_members (notice_id, due_at) WHERE status = 'sending';
CREATE INDEX affected_members_doubt ON affected_members (due_at) WHERE status = 'in_doubt';

-- What was about to leave: written before the final dot can be sent. Append-only.
CREATE TABLE intents (
    member_id          BIGINT NOT NULL REFERENCES affected_members (id),
    number             BIGINT NOT NULL,
    fence              BIGINT NOT NULL,
    at                 BIGINT NOT NULL,
    relay              TEXT NOT NULL,
    rcpt_to            TEXT NOT NULL,
    message_id         TEXT NOT NULL,
    envid              TEXT NOT NULL,
    mail_sha256        TEXT NOT NULL,
    mail_bytes         BIGINT NOT NULL,
    possible_duplicate BOOLEAN NOT NULL,
    PRIMARY KEY (member_id, number)
) WITHOUT ROWID;

-- What became of it. Append-only.
CREATE TABLE attempts (
    member_id   BIGINT NOT NULL REFERENCES affected_members (id),
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('accepted', 'deferred', 'failed', 'in_doubt', 'not_sent')),
    spent       BOOLEAN NOT NULL,
    reason      TEXT,
    phase       TEXT,
    code        BIGINT,
    enhanced    TEXT,
    reply       TEXT,
    queue_id    TEXT,
    tls         TEXT,
    duration_ms BIGINT,
    PRIMARY KEY (member_id, number)
) WITHOUT ROWID;

CREATE TRIGGER intents_stay_u BEFORE UPDATE ON intents BEGIN SELECT RAISE(ABORT, 'intents are append-only'); END;
CREATE TRIGGER intents_stay_d BEFORE DELETE ON intents BEGIN SELECT RAISE(ABORT, 'intents are append-only'); END;
CREATE TRIGGER attempts_stay_u BEFORE UPDATE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are append-only'); END;
CREATE TRIGGER attempts_stay_d BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are append-only'); END;

-- What an import noticed, line by line: refused lines whole, and what a person should look at.
CREATE TABLE findings (
    batch_id  TEXT NOT NULL REFERENCES batches (id),
    line      BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    member_no TEXT,
    detail    TEXT NOT NULL
);
CREATE INDEX findings_by_batch ON findings (batch_id, line);

CREATE TABLE preflights (
    notice_id   TEXT NOT NULL REFERENCES notices (id),
    at          BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    roster_hash TEXT NOT NULL,
    rows        BIGINT NOT NULL,
    problems    BIGINT NOT NULL
);
CREATE INDEX preflights_by_notice ON preflights (notice_id, at);

CREATE TABLE approvals (
    notice_id   TEXT NOT NULL REFERENCES notices (id),
    at          BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    roster_hash TEXT NOT NULL,
    UNIQUE (notice_id, actor, fingerprint, roster_hash)
);

-- Who did what, in the order in which it happened. Append-only.
CREATE TABLE ledger (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    at        BIGINT NOT NULL,
    actor     TEXT NOT NULL,
    kind      TEXT NOT NULL,
    notice_id TEXT,
    body      TEXT NOT NULL
);
CREATE TRIGGER ledger_stays_u BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_stays_d BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
