//! kill -9 at random moments, again and again: nobody is lost, and whoever may have been told twice is flagged.

use crate::support::audit::{Row, open_intents};
use crate::support::program::Program;
use crate::support::world::addresses;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Extensions, Hangup, Moment, Point, Script, Then, When};
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 2;
/// How many mails one kill may leave in doubt.
const BOUND: usize = CONNECTIONS * IN_FLIGHT;
const CONFIG: &str = "smtp:\n  relays:\n    - { name: main, host: 127.0.0.1, port: PORT, tls: none, max_connections: 4, in_flight: 2 }\n  bounce: { address: bounces@example.jp }\nretry: { first: 50ms, max: 200ms, attempts: 100, deadline: 1h }\n";

/// How much is done: in every test run, or with `OWABI_SOAK=full`.
fn size() -> (usize, usize) {
    if std::env::var_os("OWABI_SOAK").is_some_and(|word| word == "full") { (10_000, 1_000) } else { (2_000, 50) }
}

/// A small generator of even, repeatable numbers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to `limit`, without it.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn unknown() -> When {
    When::at(Point::Rcpt).share(30, 7)
}

/// An ordinary bad day: unknown users, refusals for now, and lost connections, some with the mail taken.
pub(crate) fn bad_day() -> Script {
    Script::new()
        .always(unknown(), Then::reply(550, "5.1.1 User unknown"))
        .always(When::at(Point::Rcpt).sometimes(50, 1), Then::reply(450, "4.2.0 Busy"))
        .always(When::at(Point::Dot).sometimes(30, 2), Then::reply(450, "4.2.0 Busy"))
        .always(When::at(Point::Rcpt).sometimes(4, 3), Then::Drop(Hangup::Rst, Moment::BeforeEffect))
        .always(When::at(Point::Dot).sometimes(4, 4), Then::Drop(Hangup::Rst, Moment::BeforeReply))
        .always(Point::Dot, Then::Delay(Duration::from_millis(3)))
}

/// Kills the program once the relay has seen some more mails, or when time is up because nothing is due just now.
async fn kill_somewhere(program: &Program, relay: &CaptureRelay, dice: &mut Dice, mails: u64) {
    let running = program.start(&["run"]);
    let enough = relay.stats().transactions + dice.below(mails);
    let seen = async {
        while relay.stats().transactions < enough {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    };
    let _either = tokio::time::timeout(Duration::from_millis(300 + dice.below(200)), seen).await;
    tokio::time::sleep(Duration::from_micros(dice.below(8_000))).await;
    running.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_nobody_is_lost_or_doubled_unflagged_however_often_the_program_is_killed() {
    let (members, kills) = size();
    // The whole with CHUNKING, and half of it again without.
    for (chunking, members, kills) in [(true, members, kills), (false, members / 2, kills / 2)] {
        let extensions = Extensions { chunking, ..Extensions::default() };
        let options = CaptureOptions { extensions, script: bad_day(), ..CaptureOptions::default() };
        let relay = CaptureRelay::start(options).await.unwrap();
        let program = Program::released(relay.addr().port(), CONFIG, &addresses(members));
        let mut dice = Dice::new(u64::from(chunking) + 1);
        let mut most = 0;
        for kill in 0..kills {
            kill_somewhere(&program, &relay, &mut dice, (members / kills * 3 / 2) as u64).await;
            let doubted = open_intents(&program.path("owabi.db")).await;
            assert!(doubted <= BOUND, "{doubted} in doubt after kill {kill}");
            most = most.max(doubted);
        }
        assert!(most > 0, "no kill came while a mail was on its way");
        let open = program.rows().await.iter().filter(|row| !row.status.is_final()).count();
        assert!(open > 0, "the queue was empty before the last kill");
        program.finish().await;
        judge(&program, &relay, kills).await;
    }
}

async fn judge(program: &Program, relay: &CaptureRelay, kills: usize) {
    program.audit(relay).await;
    let (rows, log) = (program.rows().await, program.log());
    let failed: Vec<&Row> = rows.iter().filter(|row| row.status == Status::Failed).collect();
    assert!(failed.iter().all(|row| row.reason.as_deref() == Some("bad_address")), "{failed:?}");
    assert!(!failed.is_empty() && failed.len() < rows.len() / 10, "{} failed", failed.len());
    assert_eq!(rows.iter().filter(|row| row.status == Status::Accepted).count(), rows.len() - failed.len());
    let by_kill = log.iter().filter(|entry| entry["reason"] == "lease_ended").count();
    assert!(by_kill <= kills * BOUND, "{by_kill} in doubt after {kills} kills");
    let doubted: HashSet<&str> = log.iter().filter(|entry| entry["outcome"] == "in_doubt").map(member).collect();
    let twice = relay.deliveries().values().filter(|count| **count > 1).count();
    assert!(twice <= doubted.len(), "{twice} told twice, {} in doubt", doubted.len());
    eprintln!("soak: {} members, {kills} kills, {by_kill} in doubt by a kill, {twice} arrived twice", rows.len());
}

fn member(entry: &Value) -> &str {
    entry["member_no"].as_str().unwrap()
}
