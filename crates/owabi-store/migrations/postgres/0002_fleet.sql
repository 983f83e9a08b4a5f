-- Many daemons on one queue.

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
);
-- Whoever changes its shares holds this row meanwhile.
INSERT INTO meta (key, value) VALUES ('fleet', '1');
-- The queue's own name, which goes with it wherever it is copied to.
INSERT INTO meta (key, value) VALUES ('queue', gen_random_uuid()::text);

-- A queue that was copied to another database is closed: what two databases send, members get twice.
CREATE FUNCTION owabi_closed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    place TEXT;
BEGIN
    SELECT value INTO place FROM meta WHERE key = 'moved_to';
    IF FOUND THEN
        RAISE EXCEPTION 'this queue was moved to %', place USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER affected_members_closed BEFORE INSERT OR UPDATE OR DELETE ON affected_members
    FOR EACH STATEMENT EXECUTE FUNCTION owabi_closed();
CREATE TRIGGER intents_closed BEFORE INSERT ON intents FOR EACH STATEMENT EXECUTE FUNCTION owabi_closed();
CREATE TRIGGER notices_closed BEFORE INSERT OR UPDATE OR DELETE ON notices
    FOR EACH STATEMENT EXECUTE FUNCTION owabi_closed();
CREATE TRIGGER approvals_closed BEFORE INSERT ON approvals FOR EACH STATEMENT EXECUTE FUNCTION owabi_closed();

-- A queue table is rewritten all the time: clean up behind the claims, or their index grows with what is done.
ALTER TABLE affected_members SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE daemons SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Whoever may only INSERT adds members that are held for release, or that mail cannot reach. Everything else is a promise
-- about a mail that only owabi can keep.
CREATE FUNCTION owabi_intake() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION 'member % of notice %: status % is written by owabi alone: leave it out, or write unreachable',
            NEW.member_no, NEW.notice_id, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER affected_members_intake BEFORE INSERT ON affected_members FOR EACH ROW
    WHEN (NEW.status NOT IN ('held', 'unreachable')) EXECUTE FUNCTION owabi_intake();

-- Daemons and the association's own programs LISTEN on channel owabi: a notice was released, paused or withdrawn (its id),
-- or members were added (an empty payload).
CREATE FUNCTION owabi_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_LEVEL = 'ROW' THEN
        PERFORM pg_notify('owabi', NEW.id);
    ELSE
        PERFORM pg_notify('owabi', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER notices_wake AFTER INSERT OR UPDATE ON notices FOR EACH ROW EXECUTE FUNCTION owabi_wake();
CREATE TRIGGER affected_members_wake AFTER INSERT ON affected_members FOR EACH STATEMENT EXECUTE FUNCTION owabi_wake();
