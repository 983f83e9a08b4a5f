-- Who did what to whom, as the database saw it: each daemon has a role of its own.
CREATE TABLE evidence (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role        TEXT NOT NULL DEFAULT session_user,
    at          BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    kind        TEXT NOT NULL,
    member_id   BIGINT NOT NULL,
    number      BIGINT,
    fence       BIGINT,
    was         TEXT,
    lease_until BIGINT
);
CREATE INDEX evidence_by_member ON evidence (member_id, seq);
CREATE INDEX evidence_of_intents ON evidence (role, member_id, number) WHERE kind = 'intent';

CREATE FUNCTION note_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'sending' AND (NEW.status <> 'sending' OR NEW.fence <> OLD.fence) THEN
        INSERT INTO evidence (kind, member_id, number, fence, lease_until)
        VALUES ('end', OLD.id, OLD.tries + 1, OLD.fence, OLD.due_at);
    END IF;
    IF NEW.status = 'sending' AND (OLD.status <> 'sending' OR NEW.fence <> OLD.fence) THEN
        INSERT INTO evidence (kind, member_id, number, fence, was, lease_until)
        VALUES ('claim', NEW.id, NEW.tries + 1, NEW.fence, OLD.status, NEW.due_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_member AFTER UPDATE ON affected_members FOR EACH ROW EXECUTE FUNCTION note_member();

CREATE FUNCTION note_try() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO evidence (kind, member_id, number, fence) VALUES (TG_ARGV[0], NEW.member_id, NEW.number, NEW.fence);
    RETURN NULL;
END $$;
CREATE TRIGGER note_intent AFTER INSERT ON intents FOR EACH ROW EXECUTE FUNCTION note_try('intent');
CREATE TRIGGER note_outcome AFTER INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION note_try('outcome');
