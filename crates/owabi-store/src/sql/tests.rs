//! Every statement on both databases: it prepares, and one that runs often costs the same however long the queue is.

use super::*;
use crate::private_postgres::Server;
use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row, SqlSafeStr};

#[test]
fn every_file_under_sql_is_a_statement_and_no_marker_stays_unexpanded() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sql")).unwrap().count();
    assert_eq!(ALL.len(), files);
    for (name, statement) in ALL {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            assert!(!statement.on(dialect).contains("/*"), "{name}");
            assert!(!statement.on(dialect).trim().is_empty(), "{name} prepares, and does nothing");
        }
    }
}

#[tokio::test]
async fn every_statement_prepares_on_sqlite() {
    let store = crate::Store::open(&crate::OpenOptions::new("sqlite::memory:")).await.unwrap();
    let crate::open::Pools::Sqlite { writer, .. } = &store.pools else { unreachable!() };
    for (name, statement) in ALL {
        let prepared = writer.prepare(statement.on(Dialect::Sqlite).into_sql_str()).await;
        assert!(prepared.is_ok(), "{name}: {prepared:?}");
    }
}

#[tokio::test]
async fn every_statement_prepares_on_postgres() {
    let database = Server::shared().database();
    let store = crate::Store::open(&crate::OpenOptions::new(database.url())).await.unwrap();
    let crate::open::Pools::Postgres { writer, .. } = &store.pools else { unreachable!() };
    let alone = ALL.iter().filter(|(name, _)| !OF_A_GROUP.contains(name));
    let texts = alone.map(|(name, statement)| (*name, statement.on(Dialect::Postgres)));
    for (name, text) in texts.chain([("record_group", record_group())]) {
        let prepared = writer.prepare(text.into_sql_str()).await;
        assert!(prepared.is_ok(), "{name}: {prepared:?}");
    }
}

/// On PostgreSQL these are no statements of their own, but parts of [`record_group`].
const OF_A_GROUP: [&str; 3] = ["intend", "settle_attempts", "settle_members"];

/// What runs once a claim, a group, a second or a page: its cost must not grow with the queue.
static OFTEN: &[&Statement] = &[
    &CANARY_DUE,
    &CANARY_ROWS,
    &CLAIM,
    &CLAIM_LISTED,
    &DURABLE,
    &FAIL_UNSENT,
    &GIVE_BACK,
    &INTEND,
    &KNOWN_EVIDENCE,
    &KNOWN_MEMBERS,
    &LOG_MEMBERS,
    &LOG_MEMBERS_OF,
    &LOG_PAGE,
    &MEMBER_BY_NO,
    &MEMBERS_BY_EMAIL,
    &MEMBERS_BY_QUEUE_ID,
    &MEMBERS_PAGE,
    &MERGE_MEMBERS,
    &NEXT_DUE,
    &RECEIPT_MEMBERS,
    &SEND_AGAIN,
    &SETTLE_ATTEMPTS,
    &SETTLE_MEMBERS,
    &STANDINGS,
    &TAKE_IN_MEMBERS,
    &TAKE_OVER_ATTEMPTS,
    &TAKE_OVER_DOUBT,
    &TAKE_OVER_QUEUE,
    &UNREACHABLE_PAGE,
    &WATCHED_FAILED,
    &WITHDRAW_QUEUED,
];

#[tokio::test]
async fn no_statement_that_runs_often_reads_or_sorts_the_whole_queue_on_sqlite() {
    let store = crate::Store::open(&crate::OpenOptions::new("sqlite::memory:")).await.unwrap();
    let crate::open::Pools::Sqlite { writer, .. } = &store.pools else { unreachable!() };
    for statement in OFTEN {
        let text = statement.on(Dialect::Sqlite);
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
        let plan = sqlx::query(explain).fetch_all(writer).await.unwrap();
        for step in plan.iter().map(|row| row.get::<String, _>("detail")) {
            // Scanning a partial index reads only the rows of its status.
            let partial = step.contains("INDEX affected_members_sending");
            let scan = (step.starts_with("SCAN affected_members") || step == "SCAN m" || step.starts_with("SCAN m "))
                && !partial;
            assert!(!scan && !step.contains("TEMP B-TREE"), "{step}\n{text}");
        }
    }
}

/// A notice on its way, 20,000 members: the first SENT of them have their mail, most others wait.
const QUEUE: &str = "
    INSERT INTO notices (id, title, state, updated_at) VALUES ('n1', 't', 'released', 1), ('n2', 't', 'withdrawn', 1);
    INSERT INTO affected_members (notice_id, member_no, name, email, status, due_at, queued_at, tries, fence)
    SELECT 'n1', 'M' || n, 'x', 'u' || n || '@example.jp', CASE WHEN n <= SENT THEN 'accepted' WHEN n % 400 = 0 THEN 'in_doubt'
               WHEN n % 200 = 0 THEN 'sending' ELSE 'queued' END,
           n / 100, 1, CASE WHEN n <= SENT THEN 1 ELSE 0 END, 1
    FROM generate_series(1, 20000) n;
    INSERT INTO intents SELECT id, 1, 1, 5, 'r', 'a', 'm', 'e', 'h', 1, FALSE FROM affected_members
    WHERE status = 'accepted' OR status = 'in_doubt' OR id % 1000 = 0;
    INSERT INTO attempts (member_id, number, fence, at, outcome, spent)
    SELECT id, 1, 1, 5, 'accepted', TRUE FROM affected_members WHERE status = 'accepted'";

/// The statements of PostgreSQL that run often, each with arguments that give it something to do there.
fn often_on_postgres() -> [(&'static str, String); 30] {
    let rows = |row: fn(i64) -> Value| json_rows((0..20).map(|n| row(15_400 + 200 * n)));
    let claims = rows(|id| json!([id, 1, 5, "accepted", "accepted", null, 1, null, 0]));
    let numbers = rows(|id| json!([format!("M{id}")]));
    let members = json_rows((10_000..10_500).map(|id| json!([id])));
    let on = |statement: &'static Statement| statement.on(Dialect::Postgres);
    [
        (on(&CANARY_DUE), format!("'{}'", rows(|id| json!([id])))),
        (on(&CANARY_ROWS), format!("'{}'", rows(|id| json!([id])))),
        (on(&CLAIM), "1000, 'n1', 600000, 500".into()),
        (on(&CLAIM_LISTED), format!("1000, 'n1', 600000, '{}'", rows(|id| json!([id])))),
        (on(&DURABLE), format!("'{claims}', '{claims}'")),
        (on(&FAIL_UNSENT), format!("'{claims}', 5")),
        (on(&GIVE_BACK), format!("'{claims}', 5")),
        (on(&KNOWN_MEMBERS), format!("'n1', '{numbers}'")),
        (on(&LOG_MEMBERS), "10000, 500".into()),
        (on(&LOG_MEMBERS_OF), "10000, 500, 'n1'".into()),
        (on(&LOG_PAGE), format!("'{members}', 10000, 0, '[]', 0, 9, '', 0, 0, '', '[]', ''")),
        // Whatever is looked for, however rare: a page reads the log of its own members and of nobody else.
        (
            on(&LOG_PAGE),
            format!(
                "'{members}', 10000, 0, '[[\"failed\"]]', 0, 9, 'example.jp', 500, 599, '5.1.%', '[[\"failed\"]]', 'b1'"
            ),
        ),
        (on(&MEMBER_BY_NO), "'n1', 'M7'".into()),
        (on(&MEMBERS_PAGE), "'n1', 10000, '', 1000".into()),
        (on(&MERGE_MEMBERS), format!("'{claims}', 5")),
        (on(&NEXT_DUE), "'n1'".into()),
        (on(&KNOWN_EVIDENCE), "'[[\"aa\"]]'".into()),
        (on(&MEMBERS_BY_EMAIL), "'[[\"u7@example.jp\"], [\"u8@example.jp\"]]'".into()),
        (on(&MEMBERS_BY_QUEUE_ID), "'[[\"4F1B\"]]', 'maillog:/l'".into()),
        (on(&RECEIPT_MEMBERS), format!("'{}', 5", rows(|id| json!([id, 1, "accepted", "bounced", null, 0])))),
        (on(&STANDINGS), format!("'{}'", rows(|id| json!([id])))),
        (on(&SEND_AGAIN), "1000, 86400000".into()),
        (on(&TAKE_IN_MEMBERS), format!("'{claims}', 5")),
        (on(&TAKE_OVER_ATTEMPTS), "'[[20000, 7]]', 5".into()),
        (on(&TAKE_OVER_DOUBT), "5, 1000, '[[\"n1\", 5]]'".into()),
        (on(&TAKE_OVER_QUEUE), "5, 1000".into()),
        // Whoever was told is passed over: a page reads as far as it must.
        (on(&UNREACHABLE_PAGE), "'n1', 0, 17000, 500".into()),
        (on(&WATCHED_FAILED), "'n1', 1".into()),
        (on(&WITHDRAW_QUEUED), "5".into()),
        (record_group(), format!("'{claims}', '{}', 5", rows(|id| json!([id, 1, 5, "r", "a", "m", "e", "h", 1])))),
    ]
}

#[tokio::test]
async fn no_statement_that_runs_often_reads_or_sorts_the_whole_queue_on_postgres() {
    let runs = often_on_postgres();
    let is_there = |name: &str, text: &str| OF_A_GROUP.contains(&name) || runs.iter().any(|run| run.0 == text);
    for (name, statement) in ALL.iter().filter(|(_, this)| OFTEN.iter().any(|often| std::ptr::eq(*often, *this))) {
        assert!(is_there(name, statement.on(Dialect::Postgres)), "{name} has no arguments");
    }
    for queue in [(1_000, ""), (1_000, "ANALYZE"), (15_000, "ANALYZE")] {
        let database = Server::shared().database();
        let store = crate::Store::open(&crate::OpenOptions::new(database.url())).await.unwrap();
        database.psql(&QUEUE.replace("SENT", &queue.0.to_string()));
        database.psql(queue.1);
        let crate::open::Pools::Postgres { writer, .. } = &store.pools else { unreachable!() };
        let mut connection = writer.acquire().await.unwrap();
        for ((text, arguments), mode) in runs.iter().flat_map(|run| [(run, "custom"), (run, "generic")]) {
            let (read, plan) = explain(&mut connection, text, arguments, mode).await;
            let whole = plan.iter().any(|step| is_whole(step));
            assert!(read < 4_000 && !whole, "{queue:?}, {mode} plan, {read} rows\n{text}\n{plan:#?}");
        }
    }
}

#[tokio::test]
async fn arrivals_are_counted_without_their_mails_on_sqlite() {
    let store = crate::Store::open(&crate::OpenOptions::new("sqlite::memory:")).await.unwrap();
    let crate::open::Pools::Sqlite { writer, .. } = &store.pools else { unreachable!() };
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", ARRIVAL_COUNTS.on(Dialect::Sqlite)));
    let plan = sqlx::query(explain).fetch_all(writer).await.unwrap();
    let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
    assert_eq!(steps, ["SCAN arrivals USING COVERING INDEX arrivals_counted"]);
}

#[tokio::test]
async fn arrivals_are_counted_without_their_mails_on_postgres() {
    let database = Server::shared().database();
    let store = crate::Store::open(&crate::OpenOptions::new(database.url())).await.unwrap();
    let mails = "INSERT INTO arrivals (sha256, at, source, kind, state, why, size, content, updated_at)
                 SELECT md5(n::text), 1, 'maildir:/b', 'bounce', CASE WHEN n % 50 = 0 THEN 'review' ELSE 'matched' END,
                        CASE WHEN n % 50 = 0 THEN 'unmatched' END, 1000, repeat('x', 1000), 1
                 FROM generate_series(1, 5000) n";
    database.psql(mails);
    database.psql("VACUUM ANALYZE arrivals");
    let crate::open::Pools::Postgres { writer, .. } = &store.pools else { unreachable!() };
    let mut connection = writer.acquire().await.unwrap();
    let explain = format!("EXPLAIN (COSTS OFF) {}", ARRIVAL_COUNTS.on(Dialect::Postgres));
    let plan: Vec<String> = run(&mut connection, explain).await.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|step| step.contains("Index Only Scan using arrivals_counted")), "{plan:#?}");
}

/// How many rows of the large tables a statement reads, and how; what it does is undone.
async fn explain(connection: &mut PgConnection, text: &str, arguments: &str, mode: &str) -> (i64, Vec<String>) {
    let prepare = format!("BEGIN; SET LOCAL plan_cache_mode = force_{mode}_plan; PREPARE often AS {text}");
    run(connection, prepare).await;
    let before = rows_read(connection).await;
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE often ({arguments})");
    let plan = run(connection, explain).await;
    let read = rows_read(connection).await - before;
    run(connection, "ROLLBACK; DEALLOCATE often".into()).await;
    (read, plan.iter().map(|row| row.get(0)).collect())
}

async fn run(connection: &mut PgConnection, sql: String) -> Vec<PgRow> {
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap()
}

/// How many rows of the large tables this transaction has read.
async fn rows_read(connection: &mut PgConnection) -> i64 {
    let tables = "SELECT SUM(seq_tup_read + idx_tup_fetch)::BIGINT FROM pg_stat_xact_user_tables
                  WHERE relname IN ('affected_members', 'intents', 'attempts')";
    sqlx::query(tables).fetch_one(connection).await.unwrap().get(0)
}

fn is_whole(step: &str) -> bool {
    let scan =
        ["affected_members", "intents", "attempts"].iter().any(|table| step.contains(&format!("Seq Scan on {table}")));
    let sort = step.contains("Sort (") && !step.contains("Incremental");
    (scan || sort) && !step.contains("(never executed)")
}

#[test]
fn a_row_marker_becomes_a_table_of_the_parameter() {
    let text = "SELECT r.a FROM /*rows $2: a bigint, b text*/ r";
    let sqlite = "SELECT r.a FROM (SELECT value ->> 0 AS a, value ->> 1 AS b FROM jsonb_each($2)) r";
    assert_eq!(expand(text, Dialect::Sqlite), sqlite);
    let postgres = "SELECT r.a FROM (SELECT (value ->> 0)::bigint AS a, (value ->> 1)::text AS b \
                    FROM jsonb_array_elements($2::jsonb)) r";
    assert_eq!(expand(text, Dialect::Postgres), postgres);
}
