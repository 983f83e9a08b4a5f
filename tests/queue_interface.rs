//! The queue table as others see it: what docs/queue-table.md promises to a system that INSERTs with psql alone.

use crate::support::audit;
use crate::support::postgres::{Database, Server};
use crate::support::program::Program;
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use sqlx::Connection as _;
use std::sync::Once;

const DOCUMENT: &str = include_str!("../docs/queue-table.md");
const IN_JAPANESE: &str = include_str!("../docs/queue-table.ja.md");
/// The role of the document, and the notice of its example.
const ROLE: &str = "owabi_intake";
const NOTICE: &str = "metaps-2022";
/// The server has one set of roles for the databases of all tests.
static CREATED: Once = Once::new();
/// What it may not even look at.
const OTHERS: [&str; 9] =
    ["notices", "batches", "intents", "attempts", "findings", "ledger", "approvals", "daemons", "meta"];

/// The document's block of SQL that contains this.
fn block(with: &str) -> &'static str {
    let blocks = DOCUMENT.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut fitting = blocks.filter(|block| block.contains(with));
    let block = fitting.next().unwrap();
    assert!(fitting.next().is_none(), "{with}: which one?");
    block
}

#[test]
fn the_japanese_document_has_the_statements_columns_and_statuses_of_the_english_one() {
    let blocks = |document: &'static str, language: &str| -> Vec<&str> {
        document.split(&format!("```{language}\n")).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
    };
    for language in ["sql", "json"] {
        let ours = blocks(IN_JAPANESE, language);
        assert!(ours.len() > 1 && ours == blocks(DOCUMENT, language), "{language}: {ours:?}");
    }
    let rows = |document: &'static str| -> Vec<&str> {
        document.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('`').nth(1).unwrap()).collect()
    };
    assert!(rows(DOCUMENT).len() > 25 && rows(DOCUMENT) == rows(IN_JAPANESE));
}

/// A queue on PostgreSQL that knows the notice, with the role of the document.
async fn site() -> (CaptureRelay, Database, Program) {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let database = Server::shared().database();
    let program = Program::metaps(relay.addr().port(), "").on(&database);
    program.json(&["preflight", "--notice", NOTICE]);
    let (create, grant): (Vec<&str>, Vec<&str>) =
        block("CREATE ROLE").lines().partition(|line| line.starts_with("CREATE ROLE"));
    CREATED.call_once(|| _ = database.psql(&create.join("\n")));
    database.psql(&grant.join("\n"));
    (relay, database, program)
}

fn insert(member_no: &str, email: &str, cohorts: &str) -> String {
    format!(
        "INSERT INTO affected_members (notice_id, member_no, name, email, cohorts, payments, fields)
         SELECT '{NOTICE}', '{member_no}', '田中 三郎', '{email}', '{cohorts}', payments, '{{}}' FROM (VALUES
         ('[{{\"paid_at\":\"2021-11-03\",\"cohort\":\"course\",\"purpose\":\"野球指導者講習会 受講料\",\"method\":\"クレジットカード\"}}]')) v (payments)"
    )
}

async fn status_of(program: &Program, member_no: &str) -> (Status, Option<String>) {
    let row = program.rows().await.into_iter().find(|row| row.member_no == member_no).unwrap();
    (row.status, row.reason)
}

async fn accepted(program: &Program, member_no: &str) {
    assert!(eventually(&async || status_of(program, member_no).await.0 == Status::Accepted).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_psql_inserts_as_documented_are_announced_looked_at_released_and_sent() {
    let (relay, database, program) = site().await;
    let running = program.start(&["run"]);
    let listener = database.listen_as(ROLE, "owabi");
    database.try_psql_as(ROLE, block("INSERT INTO affected_members")).unwrap();
    let preflight = program.json(&["preflight", "--notice", NOTICE]);
    assert_eq!((preflight["rows"].as_i64(), preflight["problem_count"].as_i64()), (Some(2), Some(0)));
    assert!(relay.captured().is_empty(), "not released yet");
    program.json(&["release", NOTICE, "--yes"]);
    accepted(&program, "30001").await;
    accepted(&program, "30002").await;
    assert_eq!(status_of(&program, "30003").await, (Status::Unreachable, Some("blank".into())));
    let mut told: Vec<_> = relay.captured().iter().map(|mail| mail.rcpt_to()[0].to_owned()).collect();
    told.sort();
    assert_eq!(told, ["\"hanako..yamazaki\"@docomo.ne.jp", "ichiro.takahashi@members.test"]);
    let mut heard = listener.heard();
    heard.dedup();
    assert_eq!(heard, ["", NOTICE], "the INSERT, then the release");
    assert!(running.terminate().success());
    program.audit(&relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_role_adds_members_and_nothing_else() {
    let (_relay, database, program) = site().await;
    let refused = |sql: &str| database.try_psql_as(ROLE, sql).unwrap_err();
    let denied = |sql: &str| assert!(refused(sql).contains("permission denied"), "{sql}: {}", refused(sql));
    database.try_psql_as(ROLE, &insert("40001", "a@members.test", "[\"course\"]")).unwrap();
    // Once more after a lost connection: nothing happens.
    let again = insert("40001", "a@members.test", "[\"course\"]") + " ON CONFLICT DO NOTHING";
    database.try_psql_as(ROLE, &again).unwrap();
    assert_eq!(program.rows().await.len(), 1);
    for sql in [
        "SELECT member_no FROM affected_members",
        "SELECT COUNT(*) FROM affected_members",
        "UPDATE affected_members SET name = 'x'",
        "UPDATE affected_members SET status = 'accepted' WHERE member_no = '40001'",
        "DELETE FROM affected_members",
        "TRUNCATE affected_members",
        "INSERT INTO affected_members (notice_id, member_no, name) VALUES ('metaps-2022', '1', 'x') RETURNING id",
        "INSERT INTO affected_members (notice_id, member_no, name, fence) VALUES ('metaps-2022', '1', 'x', 7)",
        "INSERT INTO affected_members (notice_id, member_no, name, status, due_at, queued_at)
         VALUES ('metaps-2022', '1', 'x', 'queued', 1, 1)",
        "INSERT INTO intents (member_id, number) VALUES (1, 1)",
        "INSERT INTO attempts (member_id, number) VALUES (1, 1)",
        "INSERT INTO ledger (at, actor, kind, body) VALUES (1, 'x', 'release', '{}')",
        "UPDATE notices SET state = 'released'",
        "DROP TRIGGER affected_members_intake ON affected_members",
        "CREATE TABLE mine (n int)",
    ] {
        let said = refused(sql);
        assert!(said.contains("permission denied") || said.contains("must be owner"), "{sql}: {said}");
    }
    for table in OTHERS {
        denied(&format!("SELECT * FROM {table}"));
    }
    for status in Status::ALL.into_iter().filter(|status| !matches!(status, Status::Held | Status::Unreachable)) {
        let sql = format!(
            "INSERT INTO affected_members (notice_id, member_no, name, status) VALUES ('{NOTICE}', '30004', 'x', '{status}')"
        );
        let clear = format!("member 30004 of notice {NOTICE}: status {status} is written by owabi alone");
        assert!(refused(&sql).contains(&clear), "{}", refused(&sql));
    }
    for (values, said) in [
        ("('unheard-of', '1', 'x', 'held')", "is not present in table \"notices\""),
        ("('metaps-2022', '40001', 'x', 'held')", "duplicate key"),
        ("('metaps-2022', '', 'x', 'held')", "affected_members_member_no_check"),
        ("('metaps-2022', '1', 'x', 'lost')", "status lost is written by owabi alone"),
    ] {
        let sql = format!("INSERT INTO affected_members (notice_id, member_no, name, status) VALUES {values}");
        assert!(refused(&sql).contains(said), "{}", refused(&sql));
    }
    assert_eq!(program.rows().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_with_a_mistake_is_shown_and_stops_nobody_who_was_released() {
    let (relay, database, program) = site().await;
    database.try_psql_as(ROLE, &insert("50001", "a@members.test", "[\"course\"]")).unwrap();
    database.try_psql_as(ROLE, &insert("50002", "b@members.test", "[\"course\"]")).unwrap();
    program.release();
    // Between the release and the sending: the owner of the tables spoils what was released.
    database.psql("UPDATE affected_members SET cohorts = '\"山田\"' WHERE member_no = '50001'");
    for (number, email, cohorts) in [("50003", "Ｃ@members.test", "[\"course\"]"), ("50004", "d@members.test", "oops")]
    {
        database.try_psql_as(ROLE, &insert(number, email, cohorts)).unwrap();
    }
    database.try_psql_as(ROLE, &insert("50005", "e@members.test", "[\"course\"]")).unwrap();
    let running = program.start(&["run"]);
    accepted(&program, "50002").await;
    let failed = async || status_of(&program, "50001").await.0 == Status::Failed;
    assert!(eventually(&failed).await);
    let reason = status_of(&program, "50001").await.1.unwrap();
    assert!(
        reason.starts_with("unreadable_row: ") && reason.contains("cohorts") && !reason.contains("山田"),
        "{reason}"
    );
    let shown = program.json(&["log", "--status", "failed"]);
    assert_eq!(shown["rows"][0]["status_reason"], reason, "{shown}");
    let seen = program.output(&["--json", "preflight", "--notice", NOTICE]);
    assert_eq!(seen.status.code(), Some(65));
    let seen: serde_json::Value = serde_json::from_slice(&seen.stdout).unwrap();
    let listed: Vec<_> = seen["problems"].as_array().unwrap().iter().map(|problem| &problem["member_no"]).collect();
    assert_eq!(listed, ["50003", "50004"], "{seen}");
    assert!(!program.output(&["release", NOTICE, "--yes"]).status.success());
    database.psql("DELETE FROM affected_members WHERE status = 'held' AND member_no IN ('50003', '50004')");
    program.release();
    accepted(&program, "50005").await;
    assert!(running.terminate().success());
    assert_eq!(relay.captured().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_example_is_right_on_sqlite_too() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::metaps(relay.addr().port(), "");
    program.json(&["preflight", "--notice", NOTICE]);
    let mut connection = audit::connect(&program.url()).await;
    sqlx::raw_sql(block("INSERT INTO affected_members")).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    program.release();
    program.finish().await;
    assert_eq!(relay.captured().len(), 2);
    program.audit(&relay).await;
}
