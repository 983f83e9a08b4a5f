//! Others are at work in the same database: who waits for whom, for how long, and what a release may take.

use crate::postgres::{Database, Server};
use owabi_core::lifecycle::Status;
use owabi_core::member::Member;
use owabi_store::{
    BatchRecord, Import, NewRow, OpenOptions, PostgresOptions, ReleaseRecord, Roster, Store, StoreError, Totals,
    Trouble,
};
use sqlx::{Connection, PgConnection};
use std::time::Duration;

const NOTICE: &str = "n1";

/// A store whose statements are cut off after `statement`, and wait no longer than `lock` for somebody else's.
async fn store(database: &Database, statement: Duration, lock: Duration) -> Store {
    let postgres = PostgresOptions { statement_timeout: statement, ..PostgresOptions::default() };
    let options = OpenOptions { busy_timeout: lock, postgres, ..OpenOptions::new(database.url()) };
    Store::open(&options).await.unwrap()
}

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(20);

async fn begin(store: &Store, id: &str) -> Result<Import, StoreError> {
    let text = str::to_owned;
    let batch = BatchRecord {
        id: text(id),
        notice_id: text(NOTICE),
        notice_title: text("title"),
        actor: text("tester"),
        file_name: text("roster.csv"),
        file_sha256: text("00"),
        encoding: text("utf-8"),
        at: 1,
    };
    store.begin_import(batch).await
}

async fn write(import: &mut Import, member_no: &str) {
    let email = format!("{member_no}@example.jp");
    let member =
        Member { member_no: member_no.into(), name: "山田".into(), email: Some(email.clone()), ..Member::default() };
    import.write(&[NewRow { member, given_email: email, unreachable: None }], &[]).await.unwrap();
}

/// A database with one held member, and its store.
async fn one_held(statement: Duration, lock: Duration) -> (Database, Store) {
    let database = Server::shared().database();
    let store = store(&database, statement, lock).await;
    let mut import = begin(&store, "b1").await.unwrap();
    write(&mut import, "M1").await;
    import.commit(Totals { lines: 1, imported: 1, ..Totals::default() }).await.unwrap();
    (database, store)
}

/// Somebody else's transaction that has done `text` and goes on holding what it locked.
async fn holding(database: &Database, text: &'static str) -> PgConnection {
    let mut other = PgConnection::connect(database.url()).await.unwrap();
    sqlx::query("BEGIN").execute(&mut other).await.unwrap();
    sqlx::query(text).execute(&mut other).await.unwrap();
    other
}

async fn end(mut other: PgConnection, word: &'static str) {
    sqlx::query(word).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
}

/// Until somebody in this database waits for a lock.
async fn somebody_waits(database: &Database) {
    for _ in 0..1_000 {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        if database.psql(waiting) != "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody waits");
}

async fn release(store: &Store) -> Result<u64, StoreError> {
    let Roster { hash, rows } = store.held_roster(NOTICE).await.unwrap();
    let record =
        ReleaseRecord { notice_id: NOTICE, fingerprint: "f", roster_hash: &hash, definition: "d", policy: "{}", rows };
    store.release(record, "tester", 10).await
}

/// Begins a release that stops at the notice's row, does `meanwhile`, and lets it go on.
async fn release_around(database: &Database, store: &Store, meanwhile: &str) -> Result<u64, StoreError> {
    let other = holding(database, "SELECT 1 FROM notices FOR NO KEY UPDATE").await;
    let releasing = tokio::spawn({
        let store = store.clone();
        async move { release(&store).await }
    });
    somebody_waits(database).await;
    database.psql(meanwhile);
    end(other, "ROLLBACK").await;
    releasing.await.unwrap()
}

async fn count(store: &Store, status: Status) -> i64 {
    store.counts().await.unwrap().get(NOTICE).and_then(|counts| counts.get(&status).copied()).unwrap_or(0)
}

/// Makes every entry of the ledger say with which setting it is committed.
const TELL_TALE: &str = "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.kind = current_setting('synchronous_commit'); RETURN NEW; END $$;
    CREATE TRIGGER tell BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION tell()";

#[tokio::test]
async fn a08_a_commit_waits_for_the_disk_whatever_the_database_says() {
    let database = Server::shared().database();
    let name = database.url().rsplit('/').next().unwrap();
    store(&database, LONG, LONG).await.close().await;
    database.psql(TELL_TALE);
    for (set, kept) in [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")] {
        database.psql(&format!("ALTER DATABASE {name} SET synchronous_commit = {set}"));
        let store = store(&database, LONG, LONG).await;
        store.append_ledger(1, "tester", "note", None, &serde_json::json!(set)).await.unwrap();
        store.close().await;
        assert_eq!(database.psql("SELECT kind FROM ledger ORDER BY seq DESC LIMIT 1"), kept, "{set}");
    }
}

#[tokio::test]
async fn a_member_who_comes_in_the_middle_of_a_release_stays_held() {
    let (database, store) = one_held(LONG, LONG).await;
    let comes = "INSERT INTO affected_members (notice_id, member_no, name) VALUES ('n1', 'M2', 'late')";
    assert_eq!(release_around(&database, &store, comes).await.unwrap(), 1);
    assert_eq!((count(&store, Status::Queued).await, count(&store, Status::Held).await), (1, 1));
}

#[tokio::test]
async fn a_row_or_a_notice_changed_in_the_middle_of_a_release_releases_nobody() {
    let change_of_row = "UPDATE affected_members SET email = 'other@example.jp'";
    let (database, store) = one_held(LONG, LONG).await;
    let changed = release_around(&database, &store, change_of_row).await;
    assert!(matches!(changed, Err(StoreError::ChangedMeanwhile)), "{changed:?}");
    assert_eq!((count(&store, Status::Queued).await, count(&store, Status::Held).await), (0, 1));
    assert_eq!(release(&store).await.unwrap(), 1, "the next one takes the row as it is");
}

#[tokio::test]
async fn administration_takes_the_time_it_needs_and_everything_else_is_cut_off() {
    let (database, store) = one_held(SHORT, LONG).await;
    let other = holding(&database, "SELECT 1 FROM notices FOR NO KEY UPDATE").await;
    let slow = store.set_state(NOTICE, (&["draft"], "paused"), None, "tester", 5).await.unwrap_err();
    assert_eq!(slow.trouble(), Some(Trouble::Slow), "{slow:?}");
    let releasing = tokio::spawn({
        let store = store.clone();
        async move { release(&store).await }
    });
    somebody_waits(&database).await;
    tokio::time::sleep(3 * SHORT).await;
    end(other, "ROLLBACK").await;
    assert_eq!(releasing.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn whoever_waits_too_long_for_somebody_else_is_told_to_try_again() {
    let (database, store) = one_held(LONG, SHORT).await;
    let other = holding(&database, "SELECT 1 FROM affected_members FOR UPDATE").await;
    let locked = store.withdraw_open(NOTICE, "why", "tester", 5).await.unwrap_err();
    assert_eq!(locked.trouble(), Some(Trouble::Locked), "{locked:?}");
    end(other, "ROLLBACK").await;
    assert_eq!(store.withdraw_open(NOTICE, "why", "tester", 5).await.unwrap(), 1);
}

#[tokio::test]
async fn a_pause_does_not_wait_for_an_import_and_a_second_import_of_the_notice_does() {
    let (database, store) = one_held(LONG, SHORT).await;
    release(&store).await.unwrap();
    let mut import = begin(&store, "b2").await.unwrap();
    write(&mut import, "M2").await;
    assert!(store.set_state(NOTICE, (&["released"], "paused"), Some("why"), "tester", 20).await.unwrap());
    let second = begin(&store, "b3").await.unwrap_err();
    assert_eq!(second.trouble(), Some(Trouble::Locked), "{second:?}");
    import.commit(Totals { lines: 1, imported: 1, ..Totals::default() }).await.unwrap();
    begin(&store, "b3").await.unwrap().roll_back().await.unwrap();
    assert_eq!(database.psql("SELECT state, title FROM notices"), "paused|title");
}
