//! Every migration is applied to a database that holds the sample data of all versions before it, and what the rows say is
//! looked at afterwards. A new migration brings its own sample, `tests/samples/NNNN.sql`, one text for both databases.

use crate::open::migrator;
use crate::private_postgres::Server;
use crate::sql::Dialect;
use crate::{LogFilter, OpenOptions, Store, StoreError};
use owabi_core::lifecycle::Status;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

const NOTICE: &str = "metaps-2022";

/// Applies every migration up to `$version` and after each its sample.
macro_rules! grow {
    ($pool:expr, $dialect:expr, $version:expr) => {{
        let pool = $pool.await.unwrap();
        for version in migrator($dialect).iter().map(|it| it.version).take_while(|version| *version <= $version) {
            let sample = format!("{}/tests/samples/{version:04}.sql", env!("CARGO_MANIFEST_DIR"));
            let sample = std::fs::read_to_string(&sample).unwrap_or_else(|error| panic!("{sample}: {error}"));
            migrator($dialect).run_to(version, &pool).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sample)).execute(&pool).await.unwrap();
        }
        pool.close().await;
    }};
}

async fn sampled(url: &str, version: i64) {
    if url.starts_with("sqlite:") {
        grow!(SqlitePool::connect(&format!("{url}?mode=rwc")), Dialect::Sqlite, version);
    } else {
        grow!(PgPool::connect(url), Dialect::Postgres, version);
    }
}

/// What the sample of version 1 says, in the words of today's program.
async fn says_what_it_said(store: &Store) {
    let counts = store.counts().await.unwrap();
    let one_each = counts[NOTICE].iter().all(|(status, n)| *n == 1 + i64::from(*status == Status::Sending));
    assert!(counts[NOTICE].len() == 9 && one_each, "{counts:?}");
    assert_eq!(counts["taken-back"][&Status::Withdrawn], 1);
    let first = store.member(NOTICE, "M1").await.unwrap().unwrap();
    assert_eq!((first.member.payments[0].purpose.as_str(), first.member.fields["備考"].as_str()), ("登録費", "なし"));
    assert_eq!(store.member(NOTICE, "M8").await.unwrap().unwrap().member.name, "𠮷田 七郎");
    assert_eq!(store.member(NOTICE, "M9").await.unwrap().unwrap().round, 2);
    let filter = LogFilter { notice_id: Some(NOTICE.into()), ..LogFilter::default() };
    let log = store.log_after(&filter, (0, 0), 100).await.unwrap();
    let line = |row: &crate::LogRow| format!("{} {} {:?} {:?}", row.member_no, row.attempt, row.outcome, row.code);
    let said = [
        "M1 1 Some(\"accepted\") Some(250)",
        "M2 1 Some(\"deferred\") Some(452)",
        "M3 1 None None",
        "M4 0 None None",
        "M5 1 Some(\"in_doubt\") None",
        "M6 1 Some(\"failed\") Some(550)",
        "M7 0 None None",
        "M8 1 Some(\"accepted\") Some(250)",
        "M9 1 Some(\"accepted\") Some(250)",
        "M10 0 None None",
    ];
    assert_eq!(log.iter().map(line).collect::<Vec<_>>(), said);
    assert!(log[7].possible_duplicate && log[0].queue_id.as_deref() == Some("4F1Bxy"), "{log:?}");
    let notice = store.notice("taken-back").await.unwrap().unwrap();
    assert_eq!((notice.state.as_str(), notice.state_reason.as_deref()), ("withdrawn", Some("文面の誤り")));
    assert_eq!(store.latest_preflight(NOTICE).await.unwrap().unwrap().rows, 9);
    assert_eq!(store.approvals(NOTICE, "f1", "r1", "p").await.unwrap(), [], "they name no policy");
    assert_eq!(store.batch_of_file(NOTICE, "aa").await.unwrap().as_deref(), Some("0190-a"));
    assert_eq!(store.meta("key").await.unwrap().as_deref(), Some("fingerprint of the key"));
    assert_eq!(store.held_roster(NOTICE).await.unwrap().rows, 1);
}

/// What was under way goes on as if nothing had happened.
async fn goes_on(store: &Store) {
    let left = store.take_over(&[(NOTICE.to_owned(), Some(1_000))], 3_000, 3_000).await.unwrap();
    assert_eq!((left.in_doubt, left.queued, left.withdrawn), (1, 1, 0), "M3 had an intent, M4 had none");
    assert_eq!(store.next_due(NOTICE).await.unwrap(), Some(3_000));
    assert_eq!(store.send_again(86_400_000, 4_000).await.unwrap(), 2, "M3 and M5");
    let claimed = store.claim(NOTICE, 5_000, 600_000, 10).await.unwrap();
    let mut claimed: Vec<_> = claimed.iter().map(|row| (row.id, row.number, row.possible_duplicate)).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, [(2, 2, false), (3, 2, true), (4, 1, false), (5, 2, true)]);
}

async fn a_database_of_the_first_version_is_refused_until_it_is_migrated_and_loses_nothing(url: &str) {
    sampled(url, 1).await;
    let options = OpenOptions::new(url);
    let newest = Store::newest_schema();
    let refused = Store::open(&options).await.map(|_| ());
    assert!(matches!(refused, Err(StoreError::SchemaOlder { found: 1, wanted }) if wanted == newest), "{refused:?}");
    assert_eq!(Store::migrate(&options).await.unwrap(), (1, newest));
    assert_eq!(Store::migrate(&options).await.unwrap(), (newest, newest));
    let store = Store::open(&options).await.unwrap();
    says_what_it_said(&store).await;
    assert!(store.daemons().await.unwrap().is_empty());
    goes_on(&store).await;
}

async fn every_migration_leaves_the_samples_of_all_versions_before_it_as_they_were(url: &str) {
    sampled(url, Store::newest_schema()).await;
    let store = Store::open(&OpenOptions::new(url)).await.unwrap();
    says_what_it_said(&store).await;
    let daemons = store.daemons().await.unwrap();
    assert_eq!((daemons[0].host.as_str(), daemons[0].shares["relay:main:connections"]), ("mail1", 10.0));
    let later = LogFilter { notice_id: Some("next".into()), ..LogFilter::default() };
    assert_eq!(store.log_after(&later, (0, 0), 10).await.unwrap()[0].outcome.as_deref(), Some("accepted"));
    let member = store.member("next", "M1").await.unwrap().unwrap();
    let receipts = store.receipts_of(member.id).await.unwrap();
    assert_eq!(
        (receipts[0].says.as_str(), receipts[0].status.as_deref(), receipts.len()),
        ("delayed", Some("4.4.1"), 1)
    );
    assert_eq!(store.arrivals("review", 0, 10).await.unwrap()[0].sha256, "bb");
    let sources = store.sources().await.unwrap();
    assert_eq!((sources[0].looked_at, &sources[1].trouble), (Some(7_000), &Some(("permission denied".into(), 6_500))));
    goes_on(&store).await;
}

/// Each of the tests above, on both databases.
macro_rules! on_both_databases {
    ($($name:ident)*) => {$(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(&format!("sqlite:{}", folder.path().join("owabi.db").display())).await;
            }

            #[tokio::test]
            async fn postgres() {
                let database = super::Server::shared().database();
                super::$name(database.url()).await;
            }
        }
    )*};
}

on_both_databases! {
    a_database_of_the_first_version_is_refused_until_it_is_migrated_and_loses_nothing
    every_migration_leaves_the_samples_of_all_versions_before_it_as_they_were
}

#[tokio::test]
async fn both_databases_have_the_same_versions_tables_and_columns() {
    let versions =
        |dialect| migrator(dialect).iter().map(|it| (it.version, it.description.clone())).collect::<Vec<_>>();
    assert_eq!(versions(Dialect::Sqlite), versions(Dialect::Postgres));
    let of_sqlite = "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
                     WHERE m.type = 'table' AND m.name NOT LIKE '%sqlx%' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid";
    let of_postgres = "SELECT table_name || '.' || column_name FROM information_schema.columns
                       WHERE table_schema = 'public' AND table_name NOT LIKE '%sqlx%' ORDER BY table_name, ordinal_position";
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("owabi.db").display());
    Store::open(&OpenOptions::new(&file)).await.unwrap().close().await;
    let pool = SqlitePool::connect(&file).await.unwrap();
    let columns: Vec<String> = sqlx::query_scalar(of_sqlite).fetch_all(&pool).await.unwrap();
    let database = Server::shared().database();
    Store::open(&OpenOptions::new(database.url())).await.unwrap().close().await;
    assert_eq!(columns, database.psql(of_postgres).lines().collect::<Vec<_>>());
}
