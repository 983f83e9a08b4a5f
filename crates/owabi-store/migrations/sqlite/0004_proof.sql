-- What proves it a year later: one order of everything that happened, its seals, and what people did about whom.

-- An entry either says all in its body, or its body is empty and it names a row of an append-only table: kind `attempt` the
-- attempt (and intent) `number` of a member, kinds `receipt`, `correction`, `substitute` the row with the id `number`, kind `resent`
-- the member's round `number`. Those entries, and the changes of status that no attempt tells of, are written by triggers.
ALTER TABLE ledger ADD COLUMN member_id BIGINT;
ALTER TABLE ledger ADD COLUMN number BIGINT;

INSERT INTO ledger (at, actor, kind, notice_id, member_id, number, body)
SELECT a.at, 'owabi', 'attempt', m.notice_id, a.member_id, a.number, ''
FROM attempts a JOIN affected_members m ON m.id = a.member_id ORDER BY a.at, a.member_id, a.number;
INSERT INTO ledger (at, actor, kind, notice_id, member_id, number, body)
SELECT r.at, 'owabi', 'receipt', m.notice_id, r.member_id, r.id, ''
FROM receipts r JOIN affected_members m ON m.id = r.member_id ORDER BY r.id;

-- Seals: each names the entries that it covers, the root of their Merkle tree and the seal before it, and is signed.
CREATE TABLE seals (
    number    INTEGER PRIMARY KEY,
    at        BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL,
    entries   BIGINT NOT NULL,
    text      TEXT NOT NULL UNIQUE,
    signature TEXT NOT NULL
);
-- Whoever seals holds this row meanwhile.
INSERT INTO meta (key, value) VALUES ('sealer', '1');

-- Each release, with the notice's files as they were released.
CREATE TABLE releases (
    notice_id   TEXT NOT NULL REFERENCES notices (id),
    at          BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    roster_hash TEXT NOT NULL,
    members     BIGINT NOT NULL,
    definition  TEXT NOT NULL,
    PRIMARY KEY (notice_id, at, roster_hash)
) WITHOUT ROWID;
INSERT INTO releases (notice_id, at, actor, fingerprint, roster_hash, members, definition)
SELECT n.id, n.released_at,
       COALESCE((SELECT l.actor FROM ledger l WHERE l.kind = 'release' AND l.notice_id = n.id ORDER BY l.seq DESC LIMIT 1), 'unknown'),
       n.fingerprint, n.roster_hash,
       (SELECT COUNT(*) FROM affected_members m WHERE m.notice_id = n.id AND m.queued_at = n.released_at), n.definition
FROM notices n WHERE n.released_at IS NOT NULL AND n.fingerprint IS NOT NULL AND n.roster_hash IS NOT NULL AND n.definition IS NOT NULL;

-- From when outcomes count for canary and breaker, and when the canary was found well; the legal hold; the end of the personal data.
ALTER TABLE notices ADD COLUMN watched_from BIGINT;
ALTER TABLE notices ADD COLUMN canary_passed_at BIGINT;
ALTER TABLE notices ADD COLUMN legal_hold TEXT;
ALTER TABLE notices ADD COLUMN purged_at BIGINT;
UPDATE notices SET watched_from = released_at, canary_passed_at = released_at WHERE released_at IS NOT NULL;

-- Whom a resend batch sent to again: the round that it began, where the member stood, after how many tries, in which text.
CREATE TABLE resends (
    member_id     BIGINT NOT NULL REFERENCES affected_members (id),
    round         BIGINT NOT NULL,
    batch_id      TEXT NOT NULL REFERENCES batches (id),
    at            BIGINT NOT NULL,
    status_before TEXT NOT NULL,
    reason_before TEXT,
    tries_before  BIGINT NOT NULL,
    fingerprint   TEXT NOT NULL,
    PRIMARY KEY (member_id, round)
) WITHOUT ROWID;
CREATE INDEX resends_by_batch ON resends (batch_id);

-- Each address that a person corrected.
CREATE TABLE corrections (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    member_id BIGINT NOT NULL REFERENCES affected_members (id),
    at        BIGINT NOT NULL,
    actor     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    old_email TEXT,
    new_email TEXT NOT NULL
);
CREATE INDEX corrections_by_member ON corrections (member_id, id);

-- What was done instead of a mail: for one member, or (member NULL) for everybody by publication. `revokes` takes a mistaken one back.
CREATE TABLE substitutes (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    notice_id TEXT NOT NULL REFERENCES notices (id),
    member_id BIGINT REFERENCES affected_members (id),
    kind      TEXT NOT NULL CHECK (kind IN ('letter', 'telephone', 'visit', 'published', 'other', 'revoked')),
    on_day    TEXT NOT NULL,
    until_day TEXT,
    url       TEXT,
    note      TEXT,
    revokes   BIGINT REFERENCES substitutes (id),
    actor     TEXT NOT NULL,
    at        BIGINT NOT NULL,
    CHECK ((kind = 'revoked') = (revokes IS NOT NULL))
);
CREATE INDEX substitutes_by_notice ON substitutes (notice_id, member_id, id);

-- People. With nobody here owabi asks nobody who they are; `password` is a PHC string (Argon2id).
CREATE TABLE users (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL CHECK (role IN ('operator', 'approver', 'auditor', 'admin')),
    os_user    TEXT UNIQUE,
    password   TEXT,
    disabled   BOOLEAN NOT NULL DEFAULT FALSE,
    failures   BIGINT NOT NULL DEFAULT 0,
    failed_at  BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) WITHOUT ROWID;

-- What is recorded gets its place in the ledger; a copy of a queue (`copying`) brings its own.
CREATE TRIGGER attempts_enter AFTER INSERT ON attempts WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'copying') BEGIN
    INSERT INTO ledger (at, actor, kind, notice_id, member_id, number, body)
    VALUES (NEW.at, 'owabi', 'attempt', (SELECT m.notice_id FROM affected_members m WHERE m.id = NEW.member_id), NEW.member_id, NEW.number, '');
END;
CREATE TRIGGER receipts_enter AFTER INSERT ON receipts WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'copying') BEGIN
    INSERT INTO ledger (at, actor, kind, notice_id, member_id, number, body)
    VALUES (NEW.at, 'owabi', 'receipt', (SELECT m.notice_id FROM affected_members m WHERE m.id = NEW.member_id), NEW.member_id, NEW.id, '');
END;
CREATE TRIGGER resends_enter AFTER INSERT ON resends WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'copying') BEGIN
    INSERT INTO ledger (at, actor, kind, notice_id, member_id, number, body)
    VALUES (NEW.at, (SELECT b.actor FROM batches b WHERE b.id = NEW.batch_id), 'resent',
            (SELECT m.notice_id FROM affected_members m WHERE m.id = NEW.member_id), NEW.member_id, NEW.round, '');
END;
CREATE TRIGGER corrections_enter AFTER INSERT ON corrections WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'copying') BEGIN
    INSERT INTO ledger (at, actor, kind, notice_id, member_id, number, body)
    VALUES (NEW.at, NEW.actor, 'correction', (SELECT m.notice_id FROM affected_members m WHERE m.id = NEW.member_id), NEW.member_id, NEW.id, '');
END;
CREATE TRIGGER substitutes_enter AFTER INSERT ON substitutes WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'copying') BEGIN
    INSERT INTO ledger (at, actor, kind, notice_id, member_id, number, body)
    VALUES (NEW.at, NEW.actor, 'substitute', NEW.notice_id, NEW.member_id, NEW.id, '');
END;
-- Not told here: a release (its entry has the hash of the rows), a claim, a row given back, and what an attempt says itself.
CREATE TRIGGER affected_members_enter AFTER UPDATE OF status ON affected_members
WHEN NEW.status <> OLD.status AND NEW.status <> 'sending' AND NOT (OLD.status = 'held' AND NEW.status = 'queued')
     AND NOT (OLD.status = 'sending' AND (NEW.status = 'queued' OR NEW.tries > OLD.tries))
BEGIN
    INSERT INTO ledger (at, actor, kind, notice_id, member_id, number, body)
    VALUES (NEW.updated_at, 'owabi', 'status', NEW.notice_id, NEW.id, NEW.round,
            json_object('from', OLD.status, 'to', NEW.status, 'reason', NEW.reason, 'possible_duplicate', NEW.possible_duplicate));
END;

-- Append-only. A purge alone may put the keyed hash of a value ('keyed:…') in the value's place, once.
CREATE TRIGGER seals_stay_u BEFORE UPDATE ON seals BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER seals_stay_d BEFORE DELETE ON seals BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER releases_stay_u BEFORE UPDATE ON releases BEGIN SELECT RAISE(ABORT, 'releases are append-only'); END;
CREATE TRIGGER releases_stay_d BEFORE DELETE ON releases BEGIN SELECT RAISE(ABORT, 'releases are append-only'); END;
CREATE TRIGGER resends_stay_u BEFORE UPDATE ON resends BEGIN SELECT RAISE(ABORT, 'resends are append-only'); END;
CREATE TRIGGER resends_stay_d BEFORE DELETE ON resends BEGIN SELECT RAISE(ABORT, 'resends are append-only'); END;
-- INSERT OR REPLACE deletes without a trigger: a key that is there is refused. (0 and less: SQLite chooses the number.)
CREATE TRIGGER ledger_stays_i BEFORE INSERT ON ledger WHEN NEW.seq > 0 AND EXISTS (SELECT 1 FROM ledger l WHERE l.seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER seals_stay_i BEFORE INSERT ON seals WHEN EXISTS (SELECT 1 FROM seals s WHERE s.number = NEW.number OR s.text = NEW.text)
BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END;
CREATE TRIGGER releases_stay_i BEFORE INSERT ON releases
WHEN EXISTS (SELECT 1 FROM releases r WHERE r.notice_id = NEW.notice_id AND r.at = NEW.at AND r.roster_hash = NEW.roster_hash)
BEGIN SELECT RAISE(ABORT, 'releases are append-only'); END;
CREATE TRIGGER resends_stay_i BEFORE INSERT ON resends WHEN EXISTS (SELECT 1 FROM resends r WHERE r.member_id = NEW.member_id AND r.round = NEW.round)
BEGIN SELECT RAISE(ABORT, 'resends are append-only'); END;
CREATE TRIGGER corrections_stay_i BEFORE INSERT ON corrections WHEN NEW.id > 0 AND EXISTS (SELECT 1 FROM corrections c WHERE c.id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
CREATE TRIGGER substitutes_stay_i BEFORE INSERT ON substitutes WHEN NEW.id > 0 AND EXISTS (SELECT 1 FROM substitutes s WHERE s.id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'substitutes are append-only'); END;
-- Of these owabi itself may write one twice, when it does not know whether a commit came through: the first one stays, without an error.
CREATE TRIGGER intents_stay_i BEFORE INSERT ON intents WHEN EXISTS (SELECT 1 FROM intents i WHERE i.member_id = NEW.member_id AND i.number = NEW.number)
BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER attempts_stay_i BEFORE INSERT ON attempts WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.member_id = NEW.member_id AND a.number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'attempts are append-only'); END;
CREATE TRIGGER receipts_stay_i BEFORE INSERT ON receipts WHEN NEW.id > 0 AND EXISTS (SELECT 1 FROM receipts r WHERE r.id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'receipts are append-only'); END;
CREATE TRIGGER receipts_stay_once BEFORE INSERT ON receipts WHEN EXISTS (SELECT 1 FROM receipts r WHERE r.evidence = NEW.evidence AND r.part = NEW.part)
BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER corrections_stay_d BEFORE DELETE ON corrections BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
CREATE TRIGGER substitutes_stay_d BEFORE DELETE ON substitutes BEGIN SELECT RAISE(ABORT, 'substitutes are append-only'); END;

DROP TRIGGER intents_stay_u;
CREATE TRIGGER intents_stay_u BEFORE UPDATE ON intents
WHEN NOT (COALESCE(LENGTH(NEW.rcpt_to) = 70 AND SUBSTR(NEW.rcpt_to, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(NEW.rcpt_to, 7), '0123456789abcdef') = '', FALSE) AND NOT COALESCE(LENGTH(OLD.rcpt_to) = 70 AND SUBSTR(OLD.rcpt_to, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(OLD.rcpt_to, 7), '0123456789abcdef') = '', TRUE)
    AND NEW.member_id = OLD.member_id AND NEW.number = OLD.number AND NEW.fence = OLD.fence AND NEW.at = OLD.at
    AND NEW.relay = OLD.relay AND NEW.message_id = OLD.message_id AND NEW.envid = OLD.envid
    AND NEW.mail_sha256 = OLD.mail_sha256 AND NEW.mail_bytes = OLD.mail_bytes AND NEW.possible_duplicate = OLD.possible_duplicate)
BEGIN SELECT RAISE(ABORT, 'intents are append-only'); END;
DROP TRIGGER attempts_stay_u;
CREATE TRIGGER attempts_stay_u BEFORE UPDATE ON attempts
WHEN NOT (COALESCE(LENGTH(NEW.reply) = 70 AND SUBSTR(NEW.reply, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(NEW.reply, 7), '0123456789abcdef') = '', FALSE) AND NOT COALESCE(LENGTH(OLD.reply) = 70 AND SUBSTR(OLD.reply, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(OLD.reply, 7), '0123456789abcdef') = '', TRUE)
    AND NEW.member_id = OLD.member_id AND NEW.number = OLD.number AND NEW.fence IS OLD.fence AND NEW.at = OLD.at
    AND NEW.outcome = OLD.outcome AND NEW.spent = OLD.spent AND NEW.reason IS OLD.reason AND NEW.phase IS OLD.phase
    AND NEW.code IS OLD.code AND NEW.enhanced IS OLD.enhanced AND NEW.queue_id IS OLD.queue_id AND NEW.tls IS OLD.tls
    AND NEW.duration_ms IS OLD.duration_ms)
BEGIN SELECT RAISE(ABORT, 'attempts are append-only'); END;
DROP TRIGGER receipts_stay_u;
CREATE TRIGGER receipts_stay_u BEFORE UPDATE ON receipts
WHEN NOT ((NEW.recipient IS OLD.recipient OR (COALESCE(LENGTH(NEW.recipient) = 70 AND SUBSTR(NEW.recipient, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(NEW.recipient, 7), '0123456789abcdef') = '', FALSE) AND NOT COALESCE(LENGTH(OLD.recipient) = 70 AND SUBSTR(OLD.recipient, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(OLD.recipient, 7), '0123456789abcdef') = '', TRUE)))
    AND (NEW.detail IS OLD.detail OR (COALESCE(LENGTH(NEW.detail) = 70 AND SUBSTR(NEW.detail, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(NEW.detail, 7), '0123456789abcdef') = '', FALSE) AND NOT COALESCE(LENGTH(OLD.detail) = 70 AND SUBSTR(OLD.detail, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(OLD.detail, 7), '0123456789abcdef') = '', TRUE)))
    AND NEW.id = OLD.id AND NEW.member_id = OLD.member_id AND NEW.round IS OLD.round AND NEW.number IS OLD.number
    AND NEW.at = OLD.at AND NEW.reported_at IS OLD.reported_at AND NEW.source = OLD.source AND NEW.evidence = OLD.evidence
    AND NEW.part = OLD.part AND NEW.matched_by = OLD.matched_by AND NEW.says = OLD.says AND NEW.status IS OLD.status
    AND NEW.reason IS OLD.reason AND NEW.queue_id IS OLD.queue_id AND NEW.status_before = OLD.status_before
    AND NEW.status_after = OLD.status_after)
BEGIN SELECT RAISE(ABORT, 'receipts are append-only'); END;
CREATE TRIGGER corrections_stay_u BEFORE UPDATE ON corrections
WHEN NOT ((NEW.old_email IS OLD.old_email OR (COALESCE(LENGTH(NEW.old_email) = 70 AND SUBSTR(NEW.old_email, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(NEW.old_email, 7), '0123456789abcdef') = '', FALSE) AND NOT COALESCE(LENGTH(OLD.old_email) = 70 AND SUBSTR(OLD.old_email, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(OLD.old_email, 7), '0123456789abcdef') = '', TRUE)))
    AND (NEW.new_email = OLD.new_email OR (COALESCE(LENGTH(NEW.new_email) = 70 AND SUBSTR(NEW.new_email, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(NEW.new_email, 7), '0123456789abcdef') = '', FALSE) AND NOT COALESCE(LENGTH(OLD.new_email) = 70 AND SUBSTR(OLD.new_email, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(OLD.new_email, 7), '0123456789abcdef') = '', TRUE)))
    AND (NEW.reason = OLD.reason OR (COALESCE(LENGTH(NEW.reason) = 70 AND SUBSTR(NEW.reason, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(NEW.reason, 7), '0123456789abcdef') = '', FALSE) AND NOT COALESCE(LENGTH(OLD.reason) = 70 AND SUBSTR(OLD.reason, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(OLD.reason, 7), '0123456789abcdef') = '', TRUE)))
    AND NEW.id = OLD.id AND NEW.member_id = OLD.member_id AND NEW.at = OLD.at AND NEW.actor = OLD.actor)
BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
CREATE TRIGGER substitutes_stay_u BEFORE UPDATE ON substitutes
WHEN NOT (COALESCE(LENGTH(NEW.note) = 70 AND SUBSTR(NEW.note, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(NEW.note, 7), '0123456789abcdef') = '', FALSE) AND NOT COALESCE(LENGTH(OLD.note) = 70 AND SUBSTR(OLD.note, 1, 6) = 'keyed:' AND LTRIM(SUBSTR(OLD.note, 7), '0123456789abcdef') = '', TRUE)
    AND NEW.id = OLD.id AND NEW.notice_id = OLD.notice_id AND NEW.member_id IS OLD.member_id AND NEW.kind = OLD.kind
    AND NEW.on_day = OLD.on_day AND NEW.until_day IS OLD.until_day AND NEW.url IS OLD.url AND NEW.revokes IS OLD.revokes
    AND NEW.actor = OLD.actor AND NEW.at = OLD.at)
BEGIN SELECT RAISE(ABORT, 'substitutes are append-only'); END;
