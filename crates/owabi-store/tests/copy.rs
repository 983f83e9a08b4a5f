//! A queue goes into another database whole, or not at all.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "conformance/place.rs"]
#[expect(unused_macros, unused_imports, reason = "these tests have two places each")]
mod place;
#[path = "../../../tests/support/postgres.rs"]
#[expect(dead_code, reason = "these tests share one server and leave it running")]
mod postgres;

use owabi_core::lifecycle::Status;
use owabi_store::{CopiedTable, CopyError, Copying, DaemonRow, Group, Intent, Store};
use place::Place;
use std::collections::BTreeMap;

/// Every table, every column, NULL and not, and characters that travel badly.
const FILL: [&str; 25] = [
    "INSERT INTO meta VALUES ('key_fingerprint', 'abc')",
    "INSERT INTO notices VALUES ('n1', 'お詫び \"と\" \\ '' 𠮷 😀', 'released', NULL, 'f', 'r', '{\"a\": [1, \"\\u3042\"]}', 10, 11, 10, 10, '訴訟', NULL)",
    "INSERT INTO notices VALUES ('N-2', '', 'paused', 'wait', NULL, NULL, NULL, NULL, -5, NULL, NULL, NULL, -4)",
    "INSERT INTO batches VALUES ('b1', 'n1', 'import', 'tester', NULL, NULL, 'roster.csv', '00', 'cp932', 9, 8, 7, 6, 5, 4, 3, 1)",
    "INSERT INTO batches VALUES ('b2', 'n1', 'resend', 'tester', 'why', '{}', NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 9223372036854775807)",
    "INSERT INTO affected_members VALUES (7, 'n1', 'M1', '山田	太郎', 'u@example.jp', 'U@example.jp', '[\"a\"]', '[{}]', '{\"k\": \"v\"}', 'b1', 'accepted', NULL, NULL, 10, 1, 1, 3, 1, FALSE, TRUE, 12)",
    "INSERT INTO affected_members VALUES (9, 'n1', '0012', 'É', NULL, NULL, '[]', '[]', '{}', NULL, 'in_doubt', 'lease_ended', 99, 10, 0, 1, 2, 2, TRUE, FALSE, 13)",
    "INSERT INTO affected_members VALUES (1000000, 'N-2', 'm1', '', '', '', '[]', '[]', '{}', 'b2', 'held', '', NULL, NULL, 0, 0, 0, 1, FALSE, FALSE, 0)",
    "INSERT INTO intents VALUES (7, 1, 3, 11, 'main', 'u@example.jp', 'm', 'e', 'ab', 100, FALSE)",
    "INSERT INTO intents VALUES (9, 1, 2, 11, 'main', 'v@example.jp', 'm', 'e', 'ab', 100, TRUE)",
    "INSERT INTO attempts VALUES (7, 1, 12, 'accepted', TRUE, NULL, 'dot', 250, '2.0.0', '2.0.0 Ok: \\ \"', 'Q1', 'TLSv1.3', 5, 3)",
    "INSERT INTO attempts VALUES (9, 1, 13, 'in_doubt', FALSE, 'lease_ended', 'dot', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "INSERT INTO findings VALUES ('b1', 2, 'refused', NULL, 'x'), ('b1', 2, 'refused', 'M9', 'x'), ('b1', 2, 'refused', NULL, 'x')",
    "INSERT INTO preflights VALUES ('n1', 5, 'tester', 'f', 'r', 2, 0), ('n1', 5, 'Tester', 'f', 'r', 2, 1)",
    "INSERT INTO approvals VALUES ('n1', 6, 'tester', 'f', 'r')",
    "INSERT INTO receipts VALUES (3, 7, 1, 1, 20, 19, 'pipe', 'aa', 0, 'token', 'delayed', 'u@example.jp', '4.2.2', 'mailbox_full', 'full \\ \"', 'Q1', 'accepted', 'accepted')",
    "INSERT INTO arrivals VALUES ('aa', 20, 'pipe', 'bounce', 'matched', NULL, 7, 'b@example.jp', 'x', '件名', 3, 'YWJj', 20), ('bb', 21, 'pipe', 'other', 'review', 'no_bounce', NULL, NULL, NULL, NULL, 0, '', 21)",
    "INSERT INTO sources VALUES ('h', 'pipe', TRUE, FALSE, 20, 21, '{}', 'why', 22)",
    "INSERT INTO releases VALUES ('n1', 10, 'tester', 'f', 'r', 2, '{\"a\": [1]}')",
    "INSERT INTO resends VALUES (9, 2, 'b2', 14, 'bounced', 'mailbox_full', 1, 'f'), (7, 2, 'b2', 14, 'failed', NULL, 1, 'f')",
    "INSERT INTO corrections VALUES (4, 7, 15, 'tester', '電話', NULL, 'v@example.jp'), (5, 7, 16, 'tester', 'x', 'v@example.jp', 'u@example.jp')",
    "INSERT INTO substitutes VALUES (2, 'n1', NULL, 'published', '2026-11-30', '2027-11-30', 'https://example.jp', NULL, NULL, 'tester', 17), (3, 'n1', 7, 'revoked', '2026-11-30', NULL, NULL, '誤り', 2, 'tester', 18)",
    "INSERT INTO users VALUES ('鈴木', 'admin', 'suzuki', '$argon2id$x', FALSE, 0, NULL, 1, 2), ('b', 'auditor', NULL, NULL, TRUE, 3, 9, 1, 2)",
    "INSERT INTO ledger (seq, at, actor, kind, notice_id, body) VALUES (31, 5, 'tester', 'preflight', 'n1', '{}'), (40, 6, 'tester', 'note', NULL, '\"x\"')",
    "INSERT INTO seals VALUES (1, 20, 1, 3, 3, 'a seal\n', 'ab', 'AAAA')",
];

const COPYING: Copying<'static> = Copying { actor: "mover", from: "there", to: "here", at: 50 };

async fn filled(place: &Place) -> Store {
    let store = place.store().await;
    for text in FILL {
        place.run(text).await.unwrap();
    }
    store
}

async fn copy(from: &Store, to: &Store) -> Result<Vec<CopiedTable>, CopyError> {
    from.copy_to(to, COPYING, &|_| {}).await
}

/// The parts of a copy that its tables must have.
fn rows(copied: &[CopiedTable]) -> Vec<(&str, u64)> {
    copied.iter().map(|table| (table.table, table.rows)).collect()
}

async fn nothing_arrived(target: &Store) {
    assert!(target.notices().await.unwrap().is_empty() && target.counts().await.unwrap().is_empty());
    assert_eq!(
        (target.meta("key_fingerprint").await.unwrap(), target.meta("fleet").await.unwrap()),
        (None, Some("1".into()))
    );
}

#[tokio::test]
async fn every_row_of_every_table_goes_from_any_database_to_any_and_its_hash_stays() {
    let first = Place::sqlite();
    let mut from = filled(&first).await;
    let mut hashes = None;
    let places = [Place::postgres(), Place::postgres(), Place::sqlite(), Place::sqlite(), Place::postgres()];
    for (n, place) in places.iter().enumerate() {
        let to = place.store().await;
        let mut copied = copy(&from, &to).await.unwrap();
        let ledger = copied.remove(copied.len() - 2);
        assert_eq!(
            (ledger.table, ledger.rows),
            ("ledger", 11 + n as u64),
            "each copy adds its entry, and nothing else"
        );
        let tables = [
            ("meta", 5),
            ("notices", 2),
            ("batches", 2),
            ("affected_members", 3),
            ("intents", 2),
            ("attempts", 2),
            ("findings", 3),
            ("preflights", 2),
            ("approvals", 1),
            ("receipts", 1),
            ("arrivals", 2),
            ("sources", 1),
            ("releases", 1),
            ("resends", 2),
            ("corrections", 2),
            ("substitutes", 2),
            ("users", 2),
            ("seals", 1),
        ];
        assert_eq!(rows(&copied), tables);
        assert_eq!(*hashes.get_or_insert(copied.clone()), copied);
        assert_eq!((from.moved_to().await.unwrap().as_deref(), to.moved_to().await.unwrap()), (Some("here"), None));
        from = to;
    }
    let last = &places[4];
    let entry = "SELECT kind || ' ' || actor || ' ' || seq FROM ledger ORDER BY seq DESC LIMIT 1";
    assert_eq!(last.text(entry).await, "copy mover 45");
    let hostile = "SELECT name || '|' || cohorts || '|' || plain_form FROM affected_members WHERE id = 7";
    assert_eq!(last.text(hostile).await, "山田\t太郎|[\"a\"]|true");
    assert_eq!(last.text("SELECT title FROM notices WHERE id = 'n1'").await, "お詫び \"と\" \\ ' 𠮷 😀");
}

#[tokio::test]
async fn a_queue_that_was_moved_sends_and_takes_nothing_more_whoever_asks() {
    for old in [Place::sqlite(), Place::postgres()] {
        let from = filled(&old).await;
        old.run("INSERT INTO affected_members (notice_id, member_no, name, status, due_at, queued_at) VALUES ('n1', 'M2', 'x', 'queued', 1, 1), ('n1', 'M3', 'x', 'queued', 1, 1)").await.unwrap();
        let claimed = from.claim("n1", 20, 600_000, 1).await.unwrap();
        let new = Place::postgres();
        let to = new.store().await;
        copy(&from, &to).await.unwrap();
        assert_eq!(from.queue_id().await.unwrap(), to.queue_id().await.unwrap());
        let intent = Intent {
            id: claimed[0].id,
            fence: claimed[0].fence,
            relay: "main".into(),
            rcpt_to: "u@example.jp".into(),
            message_id: "m".into(),
            envid: "e".into(),
            mail_sha256: "ab".into(),
            mail_bytes: 1,
        };
        let group = Group { intents: vec![intent], settles: vec![] };
        let refused = [
            from.claim("n1", 20, 600_000, 1).await.map(drop),
            from.record(&group, 30, 30, false).await.map(drop),
            from.set_state("n1", (&["released"], "paused"), None, "tester", 30).await.map(drop),
            from.approve("n1", "tester", "f", "r", "p", 30).await,
        ];
        for refused in refused {
            let said = format!("{refused:?}");
            assert!(refused.is_err() && said.contains("this queue was moved to"), "{said}");
        }
        let insert = "INSERT INTO affected_members (notice_id, member_no, name) VALUES ('n1', 'M9', 'x')";
        assert!(old.run(insert).await.is_err());
        assert_eq!(to.record(&group, 30, 30, false).await.unwrap().granted.len(), 1, "the new one goes on");
        let third = Place::sqlite();
        let other = third.store().await;
        let elsewhere = from.copy_to(&other, Copying { to: "elsewhere", ..COPYING }, &|_| {});
        assert!(matches!(elsewhere.await, Err(CopyError::Moved(place)) if place == "here"));
    }
}

#[tokio::test]
async fn whoever_comes_after_a_copy_gets_a_new_number() {
    let (old, new) = (Place::sqlite(), Place::postgres());
    copy(&filled(&old).await, &new.store().await).await.unwrap();
    new.run("INSERT INTO affected_members (notice_id, member_no, name) VALUES ('n1', 'M8', 'x')").await.unwrap();
    assert_eq!(new.text("SELECT id::text FROM affected_members WHERE member_no = 'M8'").await, "1000001");
}

#[tokio::test]
async fn a_long_queue_is_copied_in_many_chunks() {
    let (old, new) = (Place::sqlite(), Place::postgres());
    let (from, to) = (filled(&old).await, new.store().await);
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO affected_members (notice_id, member_no, name, fields) SELECT 'n1', 'L' || i, 'x', printf('%.900c', 'y') FROM n";
    old.run(many).await.unwrap();
    assert_eq!(from.rows_to_copy().await.unwrap(), 5_003 + 2 + 2 + 3 + 1 + 2 + 11, "what a bar needs to know");
    let seen = std::cell::Cell::new(0);
    let copied = from.copy_to(&to, COPYING, &|done| seen.set(done)).await.unwrap();
    assert_eq!(rows(&copied)[3], ("affected_members", 5_003));
    let all: u64 = copied.iter().map(|table| table.rows).sum();
    assert_eq!((seen.get(), to.counts().await.unwrap()["n1"][&Status::Held]), (2 * all, 5_000));
}

#[tokio::test]
async fn a_target_that_keeps_something_else_than_it_was_given_is_noticed_and_left_as_it_was() {
    let places = (Place::sqlite(), Place::postgres());
    let (from, to) = (filled(&places.0).await, places.1.store().await);
    for (table, trigger) in [
        ("attempts", "NEW.reply = upper(NEW.reply); RETURN NEW;"),
        ("affected_members", "NEW.plain_form = TRUE; RETURN NEW;"),
        ("findings", "RETURN NULL;"),
    ] {
        let Place::Postgres(database) = &places.1 else { panic!("no PostgreSQL") };
        database.psql(&format!(
            "CREATE OR REPLACE FUNCTION tamper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {trigger} END $$;
             CREATE TRIGGER tamper BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION tamper()"
        ));
        let differs = copy(&from, &to).await.unwrap_err();
        assert!(matches!(differs, CopyError::Differs { table: found, .. } if found == table), "{differs:?}");
        nothing_arrived(&to).await;
        assert_eq!(from.moved_to().await.unwrap(), None);
        database.psql(&format!("DROP TRIGGER tamper ON {table}"));
    }
    let (old, new) = (Place::sqlite(), Place::sqlite());
    let (from, to) = (filled(&old).await, new.store().await);
    new.run(
        "CREATE TRIGGER tamper AFTER INSERT ON notices BEGIN UPDATE notices SET title = 'x' WHERE id = NEW.id; END",
    )
    .await
    .unwrap();
    let differs = copy(&from, &to).await.unwrap_err();
    assert!(matches!(differs, CopyError::Differs { table: "notices", source_rows: 2, target_rows: 2 }), "{differs:?}");
    nothing_arrived(&to).await;
    new.run("DROP TRIGGER tamper").await.unwrap();
    copy(&from, &to).await.unwrap();
}

#[tokio::test]
async fn a_target_that_is_in_use_is_refused_and_not_touched() {
    let (old, sqlite, postgres) = (Place::sqlite(), Place::sqlite(), Place::postgres());
    let from = filled(&old).await;
    for place in [sqlite, postgres] {
        let to = place.store().await;
        to.know_notice("theirs", "title", 1).await.unwrap();
        let refused = copy(&from, &to).await.unwrap_err();
        assert!(matches!(refused, CopyError::NotEmpty("notices")), "{refused:?}");
        assert_eq!(to.notices().await.unwrap().len(), 1);
        assert_eq!(from.moved_to().await.unwrap(), None);
    }
}

#[tokio::test]
async fn nothing_is_copied_from_or_to_a_daemon_at_work() {
    let (old, new) = (Place::postgres(), Place::postgres());
    let (from, to) = (filled(&old).await, new.store().await);
    let me = DaemonRow { id: "d1".into(), host: "db.example.jp".into(), pid: 7, ..DaemonRow::default() };
    for store in [&from, &to] {
        store.beat(&me, 10_000, |_| BTreeMap::new()).await.unwrap();
        let refused = copy(&from, &to).await.unwrap_err();
        assert!(matches!(refused, CopyError::AtWork { pid: 7, .. }), "{refused:?}");
        store.say_goodbye("d1").await.unwrap();
    }
    copy(&from, &to).await.unwrap();
}

#[tokio::test]
async fn a_nul_that_postgresql_cannot_store_is_named_with_its_row() {
    let (old, new) = (Place::sqlite(), Place::postgres());
    let (from, to) = (filled(&old).await, new.store().await);
    old.run("UPDATE affected_members SET given_email = 'a' || char(0) || 'b' WHERE id = 9").await.unwrap();
    let refused = copy(&from, &to).await.unwrap_err();
    let text = "affected_members, the row with id = 9: column given_email holds a NUL character, which PostgreSQL does not store";
    assert_eq!(refused.to_string(), text);
    nothing_arrived(&to).await;
}

#[tokio::test]
async fn while_it_is_copied_nobody_else_writes_to_either_side() {
    let (old, new) = (Place::postgres(), Place::sqlite());
    let (from, to) = (filled(&old).await, new.store().await);
    let refused = std::cell::Cell::new(false);
    let meddle = |_| {
        let Place::Postgres(database) = &old else { panic!("no PostgreSQL") };
        let late = "SET lock_timeout = '50ms'; UPDATE notices SET title = 'late'";
        refused.set(database.try_psql(late).is_err_and(|said| said.contains("lock timeout")));
    };
    from.copy_to(&to, COPYING, &meddle).await.unwrap();
    assert!(refused.get());
}

/// A column that a migration adds must not stay behind.
#[tokio::test]
async fn every_table_and_column_of_the_schema_is_copied() {
    let (old, new) = (Place::sqlite(), Place::postgres());
    let (from, to) = (filled(&old).await, new.store().await);
    let copied = copy(&from, &to).await.unwrap();
    let tables: Vec<&str> = new.text("SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT IN ('_sqlx_migrations', 'daemons')").await
        .leak().split(',').collect();
    let mut ours: Vec<&str> = copied.iter().map(|table| table.table).collect();
    ours.sort_unstable();
    assert_eq!(ours, tables);
    // Every column holds something other than its default in at least one row of the target.
    for (table, column, default) in columns(&new) {
        let Place::Postgres(database) = &new else { panic!("no PostgreSQL") };
        let other = format!("SELECT count(*) > 0 FROM {table} WHERE {column} IS DISTINCT FROM {default}");
        assert_eq!(database.psql(&other), "t", "{table}.{column}");
    }
}

/// Table, column and default of all that is copied.
fn columns(place: &Place) -> Vec<(String, String, String)> {
    let Place::Postgres(database) = place else { panic!("no PostgreSQL") };
    let text = "SELECT table_name, column_name, COALESCE(column_default, 'NULL') FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name NOT IN ('_sqlx_migrations', 'daemons')";
    let part = |line: &str| {
        let mut parts = line.split('|').map(str::to_owned);
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
    };
    database.psql(text).lines().map(part).collect()
}
