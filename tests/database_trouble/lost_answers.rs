//! The server did what it was told, and its answer did not arrive (D2, D7).

use super::{BRIEF, BRIEF_LEASE, FOUR, Installation, slow, store_with};
use crate::support::postgres::{Database, Server};
use crate::support::wire::Wire;
use crate::support::world::{NOTICE, eventually};
use owabi_core::lifecycle::Status;
use owabi_core::reply::Reply;
use owabi_store::{Claimed, Group, Intent, Settle, Store, StoreError};

const LEASE: i64 = 600_000;
/// What only the statement of a group says.
const GROUP: &str = "INSERT INTO intents";
/// What only the statement of a claim says.
const CLAIM: &str = "WITH due AS";

/// Claims at the year 2100.
pub(super) async fn claim(store: &Store, rows: i64) -> Vec<Claimed> {
    store.claim(NOTICE, 4_102_444_800_000, LEASE, rows).await.unwrap()
}

pub(super) fn intent(row: &Claimed) -> Intent {
    Intent {
        id: row.id,
        fence: row.fence,
        relay: "main".into(),
        rcpt_to: "u@example.jp".into(),
        message_id: format!("m{}", row.id),
        envid: format!("e{}", row.number),
        mail_sha256: "ab".into(),
        mail_bytes: 100,
    }
}

pub(super) fn accepted(row: &Claimed) -> Settle {
    Settle {
        id: row.id,
        fence: row.fence,
        at: 30,
        outcome: "accepted".into(),
        status: Status::Accepted,
        due_at: None,
        spent: true,
        reason: None,
        plain_form: false,
        phase: Some("dot".into()),
        reply: Reply::new(250, "2.0.0 Ok").into(),
        detail: None,
        tls: None,
        duration_ms: 1,
    }
}

fn intents(rows: &[Claimed]) -> Group {
    Group { intents: rows.iter().map(intent).collect(), settles: Vec::new() }
}

fn outcomes(rows: &[Claimed]) -> Group {
    Group { intents: Vec::new(), settles: rows.iter().map(accepted).collect() }
}

/// Rows of intents and of attempts, and the attempts that the queue counts.
fn kept(database: &Database) -> String {
    database.psql("SELECT (SELECT COUNT(*) FROM intents), (SELECT COUNT(*) FROM attempts), (SELECT SUM(tries) FROM affected_members)")
}

fn is_unavailable<T>(done: &Result<T, StoreError>) -> bool {
    matches!(done, Err(StoreError::Unavailable(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_a_group_whose_answer_was_lost_is_found_when_it_is_recorded_again_and_nothing_is_doubled() {
    let database = Server::shared().database();
    let wire = Wire::to(database.url()).await;
    let store = store_with(&wire, 20).await;
    let rows = claim(&store, 20).await;
    for (group, then) in [(intents(&rows), "20|0|0"), (outcomes(&rows), "20|20|20")] {
        wire.lose_answers(GROUP, &[1, 2]);
        for again in [false, true] {
            let lost = store.record(&group, 20, 30, again).await;
            assert!(is_unavailable(&lost), "{lost:?}");
            assert_eq!(kept(&database), then);
        }
        let recorded = store.record(&group, 20, 30, true).await.unwrap();
        assert_eq!(recorded.granted.len() + recorded.settled.len(), 20);
        assert_eq!(kept(&database), then);
    }
    assert_eq!(wire.lost(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_a_group_that_never_reached_the_server_is_written_when_it_is_recorded_again() {
    let database = Server::shared().database();
    let wire = Wire::to(database.url()).await;
    let store = store_with(&wire, 20).await;
    let rows = claim(&store, 20).await;
    assert_eq!(store.record(&intents(&rows[..1]), 20, 30, false).await.unwrap().granted.len(), 1);
    wire.down();
    let gone = store.record(&intents(&rows), 20, 30, false).await;
    assert!(is_unavailable(&gone), "{gone:?}");
    wire.up();
    // Of the row whose intent was recorded before, and answered, the body may leave: it did not before this answer.
    assert_eq!(store.record(&intents(&rows), 20, 30, true).await.unwrap().granted.len(), 20);
    assert_eq!(kept(&database), "20|0|0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_a_silent_network_is_given_up_and_what_it_delivers_late_changes_nothing() {
    let database = Server::shared().database();
    let wire = Wire::to(database.url()).await;
    let store = store_with(&wire, 20).await;
    let rows = claim(&store, 20).await;
    store.record(&intents(&rows[..10]), 20, 30, false).await.unwrap();
    wire.silence();
    let group = Group { intents: intents(&rows[10..]).intents, ..outcomes(&rows[..10]) };
    let silent = store.record(&group, 20, 30, false).await;
    assert!(is_unavailable(&silent), "{silent:?}");
    assert_eq!(kept(&database), "10|0|0");
    let recorded = store.record(&group, 20, 30, true).await.unwrap();
    assert_eq!((recorded.granted.len(), recorded.settled.len()), (10, 10));
    store.record(&outcomes(&rows[10..]), 20, 30, false).await.unwrap();
    let before = wire.round_trips();
    wire.let_pass();
    let late = async || wire.round_trips() > before;
    assert!(eventually(&late).await);
    assert_eq!(kept(&database), "20|20|20");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_answers_lost_on_the_way_leave_nobody_in_doubt_and_nobody_is_told_twice() {
    let with = (&*[FOUR, BRIEF].concat(), &*format!("claim: 60, {BRIEF_LEASE}"));
    let it = Installation::with(Server::shared(), 300, slow(), with).await;
    it.wire.lose_answers(GROUP, &[1, 2, 4, 9, 15, 16, 30]);
    let running = it.run();
    assert!(eventually(&async || it.wire.lost() == 7).await, "{} {}", it.wire.lost(), it.program.said());
    it.wire.lose_answers(CLAIM, &[1, 3]);
    assert!(eventually(&async || it.wire.lost() == 9).await, "{} {}", it.wire.lost(), it.program.said());
    it.finish(running).await;
    it.everybody_was_told_once().await;
}
