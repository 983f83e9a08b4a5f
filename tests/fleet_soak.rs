//! Four daemons on one PostgreSQL, and a very bad day: kill -9, SIGSTOP, restarts of the daemons and crashes of the
//! database, at random moments. No row is claimed twice, nobody is lost, and whoever may have been told twice is flagged.

mod daemons;
mod evidence;

use crate::soak::bad_day;
use crate::support::postgres::{Database, Server};
use crate::support::program::{Program, roster};
use crate::support::world::{PATIENCE, addresses};
use daemons::{Daemons, Happened};
use evidence::Evidence;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Extensions, Keep, Point, Then};
use std::time::Duration;

const CONNECTIONS: usize = 16;
const IN_FLIGHT: usize = 2;
/// How many mails all daemons together may leave in doubt at once.
const BOUND: usize = CONNECTIONS * IN_FLIGHT;
/// `dispatch.lease` and the deadlines of one mail's phases.
const LEASE: Duration = Duration::from_secs(6);
const DEADLINES: &str =
    "{ connect: 2s, greeting: 2s, ehlo: 2s, mail: 500ms, rcpt: 500ms, data: 500ms, body: 500ms, dot: 1s }";
const DISPATCH: &str = "dispatch: { lease: 3s, stop_timeout: 1s, claim: 100, ";
/// The longest time from one event to the next.
const DULL: Duration = Duration::from_secs(2);

struct Size {
    members: usize,
    events: usize,
    /// Mails a second, of all daemons together.
    rate: usize,
}

/// How much is done: in every test run, or with `OWABI_SOAK=full`.
fn size() -> Size {
    if std::env::var_os("OWABI_SOAK").is_some_and(|word| word == "full") {
        Size { members: 100_000, events: 400, rate: 600 }
    } else {
        Size { members: 2_000, events: 12, rate: 200 }
    }
}

fn program(port: u16, rate: usize, database: &Database) -> Program {
    let smtp = format!(
        "smtp:\n  relays:\n    - {{ name: main, host: 127.0.0.1, port: PORT, tls: none, max_connections: {CONNECTIONS}, in_flight: {IN_FLIGHT}, rate: {rate} }}\n  bounce: {{ address: bounces@example.jp }}\n  deadlines: {DEADLINES}\nretry: {{ first: 50ms, max: 200ms, attempts: 100, deadline: 1h }}\n"
    );
    let program = Program::new(port, &smtp).on(database);
    let config = std::fs::read_to_string(program.path("owabi.yaml")).unwrap();
    let config = config.replace("dispatch: { ", DISPATCH).replace("stop_timeout: 3s", "spool: owabi.spool");
    program.write("owabi.yaml", &config);
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_four_daemons_on_one_postgres_claim_nobody_twice_and_lose_nobody_whatever_happens_to_them() {
    let Size { members, events, rate } = size();
    let server = Server::start_own(&[]);
    let database = server.database();
    // Every mail waits a while between its permit and its dot, so that a daemon is often stopped there.
    let script = bad_day().always(Point::Data, Then::Delay(Duration::from_millis(40)));
    let extensions = Extensions { chunking: false, ..Extensions::default() };
    let options = CaptureOptions { extensions, script, keep: Keep::Hashes(2 * members), ..CaptureOptions::default() };
    let relay = CaptureRelay::start(options).await.unwrap();
    let relay_started = owabi::clock::now_ms();
    let program = program(relay.addr().port(), rate, &database);
    program.import(&program.write("roster.csv", &roster(&addresses(members))));
    program.release();
    Evidence::collect(&database, 2 * events + 100);
    let mut daemons = Daemons::start(&program, &server, &database, 3);
    for event in 0..events {
        // Spread over the whole queue, so that every event finds work under way.
        wait_for(&mut daemons, &database, members * (event + 1) / (events + 2), DULL);
        daemons.next_event(event);
    }
    assert!(Evidence::finished(&database) < members, "the queue was empty before the last event");
    finish(&mut daemons, &database, members);
    let happened = daemons.end();
    judge(&program, &relay, &database, happened, relay_started).await;
}

/// Until so many are finished with, or time is up.
fn wait_for(daemons: &mut Daemons, database: &Database, finished: usize, patience: Duration) {
    let until = owabi::clock::monotonic() + patience;
    while owabi::clock::monotonic() < until && Evidence::finished(database) < finished {
        std::thread::sleep(Duration::from_millis(50));
        daemons.tend();
    }
}

/// Until everybody is.
fn finish(daemons: &mut Daemons, database: &Database, members: usize) {
    let mut finished = Evidence::finished(database);
    while finished < members {
        wait_for(daemons, database, finished + 1, PATIENCE);
        let before = std::mem::replace(&mut finished, Evidence::finished(database));
        let open = "SELECT * FROM affected_members WHERE status NOT IN ('accepted', 'failed')";
        assert!(finished > before, "they do not come to an end: {} {}", database.psql(open), daemons.said());
    }
}

async fn judge(program: &Program, relay: &CaptureRelay, database: &Database, happened: Happened, relay_started: i64) {
    let (rows, log, captured) = (program.rows().await, program.log(), relay.captured());
    let counts = Evidence::judge(database).await;
    Evidence::judge_mails(database, &captured, relay_started).await;
    program.audit(relay).await;
    let failed: Vec<_> = rows.iter().filter(|row| row.status == Status::Failed).collect();
    assert!(failed.iter().all(|row| row.reason.as_deref() == Some("bad_address")), "{failed:?}");
    assert!(!failed.is_empty() && failed.len() < rows.len() / 10, "{} failed", failed.len());
    assert_eq!(rows.iter().filter(|row| row.status == Status::Accepted).count(), rows.len() - failed.len());
    let (twice, flagged) = Evidence::told_twice(&rows, &captured);
    let doubted: std::collections::HashSet<&str> = log
        .iter()
        .filter(|entry| entry["outcome"] == "in_doubt")
        .filter_map(|entry| entry["member_no"].as_str())
        .collect();
    assert!(flagged.iter().all(|row| doubted.contains(row.member_no.as_str())), "flagged without a doubt: {flagged:?}");
    let Happened { kills, freezes, stops, crashes, most_by_a_kill } = happened;
    let by_lease = usize::try_from(counts.by_an_ended_lease).unwrap();
    assert!(by_lease <= (kills + freezes + stops + crashes) * BOUND, "{by_lease} in doubt by ended leases");
    assert!(
        kills > 0 && freezes > 0 && stops > 0 && crashes > 0 && most_by_a_kill > 0 && counts.taken_over > 0,
        "{happened:?} {counts:?}"
    );
    eprintln!(
        "fleet soak: {} members, {} mails arrived, {} flagged, {twice} arrived twice; {happened}; {counts}",
        rows.len(),
        captured.len(),
        flagged.len()
    );
}
