//! SIGSTOP: a program that wakes up after its lease sends no dot and writes no outcome (D8).

use crate::support::audit;
use crate::support::program::{Program, Running};
use crate::support::world::{addresses, eventually};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Extensions, Moment, Point, Script, Then};
use sqlx::Row as _;

/// The point at which the relay holds still.
const HERE: &str = "here";

/// One mail at a time, and leases of seconds: `dispatch.lease` and the sum of a mail's deadlines.
const HASTY: &str = "smtp:\n  relays:\n    - { name: main, host: 127.0.0.1, port: PORT, tls: none, max_connections: 1, in_flight: 1 }\n  bounce: { address: bounces@example.jp }\n  deadlines: { mail: 500ms, rcpt: 500ms, data: 2s, body: 500ms, dot: 2s }\n";

async fn number(url: &str, query: &'static str) -> i64 {
    sqlx::query(query).fetch_one(&mut audit::connect(url).await).await.unwrap().get(0)
}

/// What another worker does to a row whose lease has ended: a new fence, a new lease.
async fn take_over(url: &str) {
    let ended = async || {
        let query = "SELECT MAX(due_at) FROM affected_members WHERE id IN (SELECT member_id FROM intents)";
        number(url, query).await < owabi::clock::now_ms()
    };
    assert!(eventually(&ended).await);
    let claim = "UPDATE affected_members SET fence = fence + 1, due_at = due_at + 3600000 \
                 WHERE status = 'sending' AND id IN (SELECT member_id FROM intents)";
    let done = sqlx::query(claim).execute(&mut audit::connect(url).await).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
}

/// A relay that once holds its reply at this point, and a program that works for it.
async fn held_at(point: Point) -> (CaptureRelay, Program, Running) {
    let extensions = Extensions { chunking: false, ..Extensions::default() };
    let script = Script::new().once(point, Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    let options = CaptureOptions { extensions, script, ..CaptureOptions::default() };
    let relay = CaptureRelay::start(options).await.unwrap();
    let program = Program::released(relay.addr().port(), HASTY, &addresses(5));
    let usual = std::fs::read_to_string(program.path("owabi.yaml")).unwrap();
    program.write("owabi.yaml", &usual.replace("dispatch: {", "dispatch: { lease: 3s,"));
    let running = program.start(&["run"]);
    relay.wait_reached(HERE).await;
    assert!(eventually(&async || number(&program.url(), "SELECT COUNT(*) FROM intents").await == 1).await);
    (relay, program, running)
}

/// The relay's reply waits for the program when it wakes.
async fn replied(relay: &CaptureRelay) {
    let written = relay.stats().writes;
    relay.release(HERE);
    assert!(eventually(&async || relay.stats().writes > written).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d08_a_program_that_wakes_up_after_its_lease_sends_no_dot_and_writes_no_outcome() {
    let (relay, program, running) = held_at(Point::Data).await;
    running.freeze_without_lock(&program.url()).await;
    take_over(&program.url()).await;
    replied(&relay).await;
    running.thaw();
    assert!(eventually(&async || told(&program).await == 4).await, "{:#?}", program.rows().await);
    let rows = program.rows().await;
    let (stale, told): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.status == Status::Sending);
    assert!(told.iter().all(|row| (row.used, row.possible_duplicate) == (1, false)), "{told:?}");
    assert_eq!((stale.len(), stale[0].tries), (1, 0), "{stale:?}");
    let log = program.log();
    let own: Vec<_> = log.iter().filter(|entry| entry["member_no"] == stale[0].member_no.as_str()).collect();
    assert!(own.len() == 1 && own[0]["outcome"].is_null(), "{own:?}");
    assert!(relay.captured().iter().all(|mail| mail.rcpt_to() != [stale[0].email.as_str()]));
    assert!(relay.captured().len() == 4 && relay.stats().bodies_cut >= 1, "{:?}", relay.stats());
    assert!(running.terminate().success());
    // The other worker dies, too: nobody is lost.
    program.finish().await;
    program.audit(&relay).await;
    assert_eq!((told_twice(&program).await, relay.captured().len()), (1, 5));
}

/// The dot left in time, and its deadline passed while nobody looked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d08_a_reply_that_came_while_the_program_was_stopped_counts() {
    let (relay, program, running) = held_at(Point::Dot).await;
    running.freeze_without_lock(&program.url()).await;
    let late = owabi::clock::now_ms() + 3_100;
    replied(&relay).await;
    assert!(eventually(&async || owabi::clock::now_ms() > late).await);
    running.thaw();
    assert!(eventually(&async || told(&program).await == 5).await, "{:#?}", program.rows().await);
    assert!(running.terminate().success());
    program.audit(&relay).await;
    assert_eq!((told_twice(&program).await, relay.captured().len()), (0, 5));
}

async fn told(program: &Program) -> usize {
    program.rows().await.iter().filter(|row| row.status == Status::Accepted).count()
}

/// How many might have been told twice.
async fn told_twice(program: &Program) -> usize {
    program.rows().await.iter().filter(|row| row.possible_duplicate).count()
}
