//! The database is away, for a moment or for longer than a lease, and comes back, perhaps as another server (D2).

use super::{BRIEF, BRIEF_LEASE, CONFIRMED, FOUR, HERE, Installation, SLOTS, slow, slow_and_held, store_with};
use crate::support::postgres::{Server, Stop};
use crate::support::wire::Wire;
use crate::support::world::{CAREFUL, NOTICE, PATIENCE, also_holds_after, eventually};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, Extensions, Moment, Point, Script, Then, When};
use owabi_store::StoreError;

/// What the recorder says, once for each time.
const AWAY: &str = "cannot record, so nothing is sent";
const BACK: &str = "the database takes writes again";

/// A relay that holds its reply to the third dot.
fn held() -> CaptureOptions {
    let extensions = Extensions { chunking: false, ..Extensions::default() };
    let script = Script::new().once(When::at(Point::Dot).nth(3), Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    CaptureOptions { extensions, script, ..CaptureOptions::default() }
}

/// One mail at a time, and brief leases.
fn careful_and_brief() -> String {
    [CAREFUL, BRIEF].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_while_the_server_is_away_nothing_is_sent_and_after_each_crash_the_daemon_goes_on_by_itself() {
    let server = Server::start_own(&[]);
    let point = |crash: u64| format!("crash {crash}");
    let script = (1..=3).fold(Script::new(), |script, n| also_holds_after(script, CONFIRMED * n, &point(n)));
    let relay = CaptureOptions { script, ..slow() };
    let it = Installation::with(&server, 300, relay, (FOUR, "lease: 10m")).await;
    let running = it.run();
    for crash in 1..=3 {
        it.holds(CONFIRMED * crash).await;
        server.stop(Stop::Immediate);
        let before = it.relay.stats().mails;
        it.relay.release(&point(crash));
        it.says(AWAY, usize::try_from(crash).unwrap()).await;
        assert!(it.relay.stats().mails <= before + SLOTS, "{before} {:?}", it.relay.stats());
        let granted = it.relay.stats().mails;
        server.start();
        it.says(BACK, usize::try_from(crash).unwrap()).await;
        assert!(granted < 300);
    }
    it.finish(running).await;
    it.everybody_was_told_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_a_reply_that_came_while_the_database_was_away_is_recorded_even_after_its_lease() {
    let it = Installation::with(Server::shared(), 5, held(), (&careful_and_brief(), BRIEF_LEASE)).await;
    let running = it.run();
    it.relay.wait_reached(HERE).await;
    let lease = it.database.psql("SELECT MAX(due_at) FROM affected_members WHERE status = 'sending'").parse().unwrap();
    it.wire.down();
    it.relay.release(HERE);
    it.says(AWAY, 1).await;
    assert!(eventually(&async || owabi::clock::now_ms() > lease).await);
    it.wire.up();
    it.finish(running).await;
    it.everybody_was_told_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_a_stop_while_the_database_is_away_keeps_the_replies_in_the_spool_file_for_the_next_run() {
    let it = Installation::with(Server::shared(), 5, held(), (CAREFUL, "lease: 10m")).await;
    it.program.configure("stop_timeout: 3s", "stop_timeout: 1s");
    let running = it.run();
    it.relay.wait_reached(HERE).await;
    it.wire.down();
    it.relay.release(HERE);
    it.says(AWAY, 1).await;
    assert_eq!(running.terminate().code(), Some(69), "{}", it.program.said());
    let spool = std::fs::read_to_string(it.program.spool()).unwrap();
    assert_eq!((spool.matches("\"outcome\":\"accepted\"").count(), it.relay.stats().mails), (1, 3), "{spool}");
    let accepted = |row: &&crate::support::audit::Row| row.status == Status::Accepted;
    assert_eq!(it.program.rows().await.iter().filter(accepted).count(), 2);
    it.wire.up();
    // What the stopped run held waits for its lease; nobody waits for that here.
    it.database.psql(
        "UPDATE affected_members SET due_at = 1 WHERE status = 'sending' AND id NOT IN (SELECT member_id FROM intents)",
    );
    it.finish(it.run()).await;
    assert!(it.program.spooled().is_empty());
    it.everybody_was_told_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_after_a_failover_that_lost_nothing_the_daemon_goes_on_with_the_new_server() {
    let old = Server::start_own(&[]);
    let it = Installation::with(&old, 200, slow_and_held(), (FOUR, "lease: 10m")).await;
    let running = it.run();
    it.holds(CONFIRMED).await;
    old.stop(Stop::Immediate);
    it.relay.release(HERE);
    it.says(AWAY, 1).await;
    let new = old.start_copy();
    it.wire.lead_to(&new.url_of(&it.database));
    it.says(BACK, 1).await;
    let told = async || it.relay.stats().mails == 200;
    assert!(eventually(&told).await, "{}", it.program.said());
    // The tests look where the queue is now.
    let it = Installation { program: it.program.moved_to(new.url_of(&it.database)), ..it };
    it.finish(running).await;
    it.everybody_was_told_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d02_connections_on_which_nothing_comes_any_more_are_given_up_for_new_ones() {
    let it = Installation::with(Server::shared(), 300, slow_and_held(), (FOUR, "lease: 10m")).await;
    let running = it.run();
    it.holds(CONFIRMED).await;
    it.wire.silence();
    let (before, connections) = (it.relay.stats().mails, it.wire.connections());
    it.relay.release(HERE);
    it.says(AWAY, 1).await;
    assert!(it.relay.stats().mails <= before + SLOTS, "{before} {:?}", it.relay.stats());
    it.finish(running).await;
    assert!(it.wire.connections() > connections);
    it.everybody_was_told_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_at_the_end_to_which_no_answer_comes_is_given_up() {
    let database = Server::shared().database();
    let wire = Wire::to(database.url()).await;
    let store = store_with(&wire, 3).await;
    assert_eq!(store.counts().await.unwrap()[NOTICE][&Status::Queued], 3);
    // The pool may open a connection while it still looks after the one that it was given back.
    wire.silence_for_good();
    let silent = tokio::time::timeout(PATIENCE, store.counts()).await;
    assert!(matches!(silent, Ok(Err(StoreError::Unavailable(_)))), "{silent:?}");
}
