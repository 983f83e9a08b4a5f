//! Several daemons on one PostgreSQL queue: what a relay or a domain allows, it allows to all of them together.

use crate::support::postgres::{Database, Server};
use crate::support::world::{PATIENCE, World, addresses, eventually, holds_after};
use owabi::dispatch::{self, Live, Options, Parts, Summary};
use owabi::library::Library;
use owabi_core::ids::Keys;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, Moment, Point, Script, Then};
use owabi_store::{DaemonRow, OpenOptions, Store};
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A small association whose queue is on PostgreSQL.
struct Shared {
    world: World,
    database: Database,
    /// A moment after the relay began to count.
    began: Instant,
}

/// The point at which the relay holds still: it greets nobody before all daemons are there.
const ALL: &str = "all";

fn greets_when_all_are_there() -> Script {
    Script::new().always(Point::Greeting, Then::PauseUntil(ALL.into(), Moment::BeforeEffect))
}

impl Shared {
    /// The relay takes a while for each round trip, so that no daemon has done everything before the others begin.
    async fn with(addresses: &[String], relay: &str, claim: u32, more: &str, script: Script) -> Self {
        let options = CaptureOptions { rtt: Duration::from_millis(20), script, ..CaptureOptions::default() };
        let relay = format!(
            "smtp:\n  relays:\n    - {{ name: main, host: 127.0.0.1, port: PORT, tls: none, in_flight: 1, {relay} }}\n  bounce: {{ address: bounces@example.jp }}\n{more}"
        );
        let mut world = World::configured(&[], options, &relay).await;
        let began = Instant::now();
        let database = Server::shared().database();
        world.store = open(&database).await;
        world.config.dispatch.claim = claim;
        world.fill(addresses).await;
        Self { world, database, began }
    }

    /// A daemon with connections of its own to the database.
    async fn daemon(&self, until_idle: bool, stop: CancellationToken) -> Summary {
        let (library, keys) = (Arc::new(Library::load(&self.world.config)), Keys::new(&[7; 32]).unwrap());
        let parts = Parts { relays: self.world.relays.clone(), store: open(&self.database).await, library, keys };
        dispatch::run(&self.world.config, parts, Options { until_idle }, Live::default(), stop).await.unwrap()
    }

    async fn until_idle(&self) -> Summary {
        self.daemon(true, CancellationToken::new()).await
    }

    /// Waits until so many daemons are there, and lets the relay greet them: when that was, by the relay's count at most.
    async fn greeted(&self, daemons: usize) -> Duration {
        let all = async || self.world.store.daemons().await.unwrap().len() == daemons;
        assert!(eventually(&all).await);
        let now = self.began.elapsed();
        self.world.relay.release(ALL);
        now
    }

    /// When the mails to this domain, or to all, were complete, one after the other.
    fn complete(&self, domain: &str) -> Vec<Duration> {
        let mails = self.world.relay.captured().into_iter();
        let mut at: Vec<_> = mails.filter(|mail| mail.rcpt_to()[0].ends_with(domain)).map(|mail| mail.at).collect();
        at.sort_unstable();
        at
    }

    /// Everybody got one mail.
    async fn everybody_was_told(&self, members: usize) {
        assert_eq!(self.world.count(Status::Accepted).await, i64::try_from(members).unwrap());
        assert!(self.world.relay.deliveries().values().all(|mails| *mails == 1));
        assert_eq!(self.world.relay.captured().len(), members);
    }
}

/// No mail came earlier than `rate` mails a second (and a tenth) since `began` allow; the first ones, of which each of
/// `connections` may have one in its hands, at once. A busy machine only makes mails later.
fn no_faster_than(rate: f64, connections: usize, at: &[Duration], began: Duration) {
    let apart = Duration::from_secs_f64(1.0 / (1.1 * rate));
    for (before, at) in (0..).zip(&at[connections..]) {
        let earliest = began + apart * before;
        assert!(*at >= earliest, "{before} mails and {connections} before it: {at:?} is before {earliest:?}");
    }
}

/// The most mails that the relay took within a second.
fn most_in_a_second(at: &[Duration]) -> usize {
    let within = |from: &Duration| at.iter().filter(|at| (*from..*from + Duration::from_secs(1)).contains(*at)).count();
    at.iter().map(within).max().unwrap_or(0)
}

async fn open(database: &Database) -> Store {
    Store::open(&OpenOptions { migrate: true, ..OpenOptions::new(database.url()) }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_together_have_no_more_connections_than_a_relay_allows_and_both_work() {
    let shared = Shared::with(&addresses(600), "max_connections: 4", 50, "", greets_when_all_are_there()).await;
    let (one, other, _) = tokio::join!(shared.until_idle(), shared.until_idle(), shared.greeted(2));
    // Half of the connections each; who begins a moment earlier has them all until the other's first beats.
    assert!(one.accepted > 40 && other.accepted > 40, "{one:?} {other:?}");
    shared.everybody_was_told(600).await;
    assert_eq!(shared.world.relay.stats().max_open, 4);
    assert!(shared.world.store.daemons().await.unwrap().is_empty(), "both have said goodbye");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_daemons_together_are_no_faster_than_a_relay_allows() {
    let relay = "max_connections: 6, rate: 40";
    let shared = Shared::with(&addresses(400), relay, 20, "", greets_when_all_are_there()).await;
    let (one, other, third, began) =
        tokio::join!(shared.until_idle(), shared.until_idle(), shared.until_idle(), shared.greeted(3));
    shared.everybody_was_told(400).await;
    assert!([one, other, third].iter().all(|summary| summary.accepted > 10), "{one:?} {other:?} {third:?}");
    let at = shared.complete("");
    no_faster_than(40.0, 6, &at, began);
    // Of ten seconds one without a standstill is enough.
    assert!(most_in_a_second(&at) >= 30, "they use what it allows: {at:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_daemons_together_are_no_faster_than_a_domain_allows_and_others_need_not_wait() {
    let mut members: Vec<String> = (0..120).map(|n| format!("u{n}@docomo.ne.jp")).collect();
    members.extend(addresses(60));
    let limits = "pacing: { domains: [{ domain: docomo.ne.jp, rate: 20, concurrency: 6 }] }";
    let shared = Shared::with(&members, "max_connections: 6", 20, limits, greets_when_all_are_there()).await;
    let began = tokio::join!(shared.until_idle(), shared.until_idle(), shared.until_idle(), shared.greeted(3)).3;
    shared.everybody_was_told(180).await;
    no_faster_than(20.0, 6, &shared.complete("docomo.ne.jp"), began);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_connection_for_two_daemons_one_waits_for_its_turn_and_takes_over_when_the_other_stops() {
    let shared = Shared::with(&addresses(150), "max_connections: 1", 20, "", holds_after(20, ALL)).await;
    let stop = CancellationToken::new();
    let second = async {
        let first_works = async || shared.world.relay.stats().mails > 20;
        assert!(eventually(&first_works).await);
        let waits_then_works = shared.until_idle();
        let stops_the_first = async {
            let both = async || shared.world.store.daemons().await.unwrap().len() == 2;
            assert!(eventually(&both).await);
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert_eq!(shared.world.relay.stats().connections, 1);
            stop.cancel();
            shared.world.relay.release(ALL);
        };
        tokio::join!(waits_then_works, stops_the_first).0
    };
    let (first, second) = tokio::join!(shared.daemon(false, stop.clone()), second);
    assert!(first.accepted > 0 && second.accepted > 0, "{first:?} {second:?}");
    shared.everybody_was_told(150).await;
    assert_eq!(shared.world.relay.stats().max_open, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_cannot_tell_the_others_begins_nothing_new_until_it_can() {
    let shared = Shared::with(&addresses(400), "max_connections: 2, rate: 40", 50, "", Script::new()).await;
    let hindered = async {
        let mails = || shared.world.relay.stats().mails;
        assert!(eventually(&async || mails() > 0).await);
        let mut hand = PgConnection::connect(shared.database.url()).await.unwrap();
        let mut holds = hand.begin().await.unwrap();
        sqlx::query("SELECT FROM meta WHERE key = 'fleet' FOR UPDATE").execute(&mut *holds).await.unwrap();
        tokio::time::sleep(Duration::from_secs(6)).await;
        let (before, open) = (mails(), shared.world.relay.stats().open);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((mails(), open), (before, 0));
        holds.rollback().await.unwrap();
        before
    };
    let (summary, before) = tokio::join!(shared.until_idle(), hindered);
    assert!(before < 400 && summary.accepted == 400, "{before} {summary:?}");
    shared.everybody_was_told(400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_stopped_in_the_midst_of_its_beat_holds_up_the_others_for_a_moment_only() {
    let database = Server::shared().database();
    let (url, other) = (database.url().to_owned(), open(&database).await);
    let me = |id: &str| DaemonRow { id: id.to_owned(), ..DaemonRow::default() };
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (go_on, goes_on) = std::sync::mpsc::channel();
    // A runtime of its own: it stands as still as a stopped process.
    let stopped = std::thread::spawn(move || {
        let sleep = |_: &[DaemonRow]| {
            begun.send(()).unwrap();
            goes_on.recv().unwrap();
            BTreeMap::from([("relay:main:connections".to_owned(), 9.0)])
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let one = Store::open(&OpenOptions::new(url)).await.unwrap();
            one.beat(&me("stopped"), 10_000, sleep).await.is_err()
        })
    });
    begins.await.unwrap();
    let beat = tokio::time::timeout(PATIENCE, other.beat(&me("other"), 10_000, |_| BTreeMap::new())).await;
    let beat = beat.expect("it waits for the one that is stopped").unwrap();
    assert!(!stopped.is_finished() && beat.others.is_empty());
    go_on.send(()).unwrap();
    let stopped = tokio::task::spawn_blocking(|| stopped.join().unwrap());
    assert!(stopped.await.unwrap(), "it must not believe that it has what it chose");
    assert_eq!(other.daemons().await.unwrap().len(), 1);
}
