//! PostgreSQL over a real socket, in trouble and out of it: D2, D3 and D7 of the failure list, and what a group costs.
//!
//! Whatever happens to the database: what it does not take is not sent, what a relay said is kept until it takes it, and
//! the daemon goes on by itself.

mod away;
mod lost_answers;
mod news;
mod refusing;
mod round_trips;
mod unknown_notice;

use crate::database_away::{ask, health_address};
use crate::support::audit::Row;
use crate::support::postgres::{Database, Server};
use crate::support::program::{Program, Running};
use crate::support::wire::Wire;
use crate::support::world::{World, addresses, eventually, holds_after};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use owabi_store::{OpenOptions, Store};
use serde_json::Value;
use std::time::Duration;

/// Four connections of two mails each.
const FOUR: &str = "smtp:\n  relays:\n    - { name: main, host: 127.0.0.1, port: PORT, tls: none, max_connections: 4, in_flight: 2 }\n  bounce: { address: bounces@example.jp }\n";
/// With [`BRIEF_LEASE`]: a lease is that and the sum of these.
const BRIEF: &str = "  deadlines: { mail: 400ms, rcpt: 400ms, data: 400ms, body: 400ms, dot: 8s }\n";
/// Somebody may ask whether all is well.
const HEALTH: &str = "health: { listen: \"127.0.0.1:0\" }\n";
const BRIEF_LEASE: &str = "lease: 8500ms";
/// Mails that the relay confirms before it holds still.
const CONFIRMED: u64 = 60;
/// The point at which the relay holds still.
const HERE: &str = "here";
/// Mails that `FOUR` has under way at the most.
const SLOTS: u64 = 4 * 2;

/// A relay that takes its time, so that something can happen meanwhile.
fn slow() -> CaptureOptions {
    CaptureOptions { rtt: Duration::from_millis(20), ..CaptureOptions::default() }
}

/// The same, which holds still in the middle.
fn slow_and_held() -> CaptureOptions {
    CaptureOptions { script: holds_after(CONFIRMED, HERE), ..slow() }
}

/// An installation whose way to its PostgreSQL is a wire in the test's hand.
pub(crate) struct Installation {
    pub(crate) program: Program,
    pub(crate) relay: CaptureRelay,
    pub(crate) wire: Wire,
    database: Database,
}

impl Installation {
    /// As many members released and due; `dispatch` is further configuration of that section.
    pub(crate) async fn with(
        server: &Server,
        members: usize,
        relay: CaptureOptions,
        (more, dispatch): (&str, &str),
    ) -> Self {
        let (relay, database) = (CaptureRelay::start(relay).await.unwrap(), server.database());
        let wire = Wire::to(database.url()).await;
        let keys = format!("url: \"{}\", statement_timeout: 1s, connect_timeout: 1s", wire.url());
        let program = Program::released_on(&database, &keys, &relay, more, members);
        program.configure("dispatch: {", &format!("dispatch: {{ {dispatch}, "));
        Self { program, relay, wire, database }
    }

    pub(crate) fn run(&self) -> Running {
        self.program.start(&["run"])
    }

    /// Waits until the program has said this so often.
    async fn says(&self, what: &str, times: usize) {
        let said = async || self.program.said().matches(what).count() >= times;
        assert!(eventually(&said).await, "{what:?} is not in {}", self.program.said());
    }

    /// Waits until the relay has taken so many mails.
    async fn arrived(&self, mails: u64) {
        let arrived = async || self.relay.stats().mails >= mails;
        assert!(eventually(&arrived).await, "{:?} {}", self.relay.stats(), self.program.said());
    }

    /// Waits until the relay has taken one more than it confirms: it keeps that reply.
    async fn holds(&self, confirmed: u64) {
        self.arrived(confirmed + 1).await;
    }

    /// Waits until everybody is told, and stops the program.
    pub(crate) async fn finish(&self, running: Running) {
        let told = async || self.program.rows().await.iter().all(|row| row.status == Status::Accepted);
        assert!(eventually(&told).await, "{:?} {}", self.open().await, self.program.said());
        assert!(running.terminate().success(), "{}", self.program.said());
    }

    /// Waits until `GET /health` says this, and gives what else it says.
    async fn health(&self, code: u16, says: impl Fn(&Value) -> bool) -> Value {
        let address = health_address(&self.program).await;
        let said = async || {
            let (now, said) = ask(address);
            now == code && says(&said)
        };
        assert!(eventually(&said).await, "{:?} {}", ask(address), self.program.said());
        ask(address).1
    }

    async fn open(&self) -> Vec<Row> {
        self.program.rows().await.into_iter().filter(|row| !row.status.is_final()).collect()
    }

    /// One mail and one used attempt for each, and no doubt about anybody.
    pub(crate) async fn everybody_was_told_once(&self) {
        self.program.audit(&self.relay).await;
        let once = |row: &Row| (row.status, row.used, row.possible_duplicate) == (Status::Accepted, 1, false);
        let rows = self.program.rows().await;
        let others: Vec<_> = rows.iter().filter(|row| !once(row)).collect();
        assert!(others.is_empty(), "{others:#?} {}", self.program.said());
        assert_eq!(self.relay.captured().len(), rows.len());
    }
}

/// A store at the other end of a wire, with members released and due.
async fn store_with(wire: &Wire, members: usize) -> Store {
    let mut options = OpenOptions::new(wire.url());
    options.postgres.statement_timeout = Duration::from_secs(1);
    let mut world = World::with(&[], CaptureOptions::default()).await;
    world.store = Store::open(&OpenOptions { migrate: true, ..options }).await.unwrap();
    world.fill(&addresses(members)).await;
    world.store.clone()
}
