//! Several daemons on one PostgreSQL queue: what a relay or a domain allows, it allows to all of them together.

use crate::support::postgres::{Database, Server};
use crate::support::world::{World, addresses, eventually};
use owabi::dispatch::{self, Live, Options, Parts, Summary};
use owabi::library::Library;
use owabi_core::ids::Keys;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::CaptureOptions;
use owabi_store::{DaemonRow, OpenOptions, Store};
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A small association whose queue is on PostgreSQL.
struct Shared {
    world: World,
    database: Database,
}

impl Shared {
    /// The relay takes a while for each round trip, so that no daemon has done everything before the others begin.
    async fn with(addresses: &[String], relay: &str, claim: u32, more: &str) -> Self {
        let options = CaptureOptions { rtt: Duration::from_millis(20), ..CaptureOptions::default() };
        let relay = format!(
            "smtp:\n  relays:\n    - {{ name: main, host: 127.0.0.1, port: PORT, tls: none, in_flight: 1, {relay} }}\n  bounce: {{ address: bounces@example.jp }}\n{more}"
        );
        let mut world = World::configured(&[], options, &relay).await;
        let database = Server::shared().database();
        world.store = open(&database).await;
        world.config.dispatch.claim = claim;
        world.fill(addresses).await;
        Self { world, database }
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

    /// Everybody got one mail.
    async fn everybody_was_told(&self, members: usize) {
        assert_eq!(self.world.count(Status::Accepted).await, i64::try_from(members).unwrap());
        assert!(self.world.relay.deliveries().values().all(|mails| *mails == 1));
        assert_eq!(self.world.relay.captured().len(), members);
    }

    /// The most mails that the relay took within a second.
    fn most_in_a_second(&self) -> usize {
        let mut at: Vec<Duration> = self.world.relay.captured().iter().map(|mail| mail.at).collect();
        at.sort_unstable();
        let within =
            |from: &Duration| at.iter().filter(|at| (*from..*from + Duration::from_secs(1)).contains(*at)).count();
        at.iter().map(within).max().unwrap_or(0)
    }
}

async fn open(database: &Database) -> Store {
    Store::open(&OpenOptions { migrate: true, ..OpenOptions::new(database.url()) }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_together_have_no_more_connections_than_a_relay_allows_and_both_work() {
    let shared = Shared::with(&addresses(400), "max_connections: 4", 50, "").await;
    let (one, other) = tokio::join!(shared.until_idle(), shared.until_idle());
    // Half of the connections each; who begins a moment earlier has them all until the other's first beats.
    assert!(one.accepted > 40 && other.accepted > 40, "{one:?} {other:?}");
    shared.everybody_was_told(400).await;
    assert_eq!(shared.world.relay.stats().max_open, 4);
    assert!(shared.world.store.daemons().await.unwrap().is_empty(), "both have said goodbye");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_daemons_together_are_no_faster_than_a_relay_allows() {
    let shared = Shared::with(&addresses(150), "max_connections: 6, rate: 40", 20, "").await;
    let (one, other, third) = tokio::join!(shared.until_idle(), shared.until_idle(), shared.until_idle());
    shared.everybody_was_told(150).await;
    assert!([one, other, third].iter().all(|summary| summary.accepted > 10), "{one:?} {other:?} {third:?}");
    let most = shared.most_in_a_second();
    assert!((30..=48).contains(&most), "{most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_daemons_together_are_no_faster_than_a_domain_allows_and_others_need_not_wait() {
    let mut members: Vec<String> = (0..60).map(|n| format!("u{n}@docomo.ne.jp")).collect();
    members.extend(addresses(60));
    let limits = "pacing: { domains: [{ domain: docomo.ne.jp, rate: 20, concurrency: 6 }] }";
    let shared = Shared::with(&members, "max_connections: 6", 20, limits).await;
    tokio::join!(shared.until_idle(), shared.until_idle(), shared.until_idle());
    shared.everybody_was_told(120).await;
    let mut slow: Vec<Duration> = shared
        .world
        .relay
        .captured()
        .iter()
        .filter(|mail| mail.rcpt_to()[0].ends_with("docomo.ne.jp"))
        .map(|mail| mail.at)
        .collect();
    slow.sort_unstable();
    assert!(slow[59] >= slow[0] + Duration::from_millis(59 * 45), "{slow:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_connection_for_two_daemons_one_waits_for_its_turn_and_takes_over_when_the_other_stops() {
    let shared = Shared::with(&addresses(150), "max_connections: 1", 20, "").await;
    let stop = CancellationToken::new();
    let second = async {
        let first_works = async || shared.world.relay.stats().mails > 0;
        assert!(eventually(&first_works).await);
        let waits_then_works = shared.until_idle();
        let stops_the_first = async {
            let both = async || shared.world.store.daemons().await.unwrap().len() == 2;
            assert!(eventually(&both).await);
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert_eq!(shared.world.relay.stats().connections, 1);
            stop.cancel();
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
    let shared = Shared::with(&addresses(400), "max_connections: 2, rate: 40", 50, "").await;
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
    // A runtime of its own: it stands as still as a stopped process.
    let stopped = std::thread::spawn(move || {
        let sleep = |_: &[DaemonRow]| {
            begun.send(()).unwrap();
            std::thread::sleep(Duration::from_secs(5));
            BTreeMap::from([("relay:main:connections".to_owned(), 9.0)])
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let one = Store::open(&OpenOptions::new(url)).await.unwrap();
            one.beat(&me("stopped"), 10_000, sleep).await.is_err()
        })
    });
    begins.await.unwrap();
    let beat = other.beat(&me("other"), 10_000, |_| BTreeMap::new()).await.unwrap();
    assert!(!stopped.is_finished() && beat.others.is_empty());
    let stopped = tokio::task::spawn_blocking(|| stopped.join().unwrap());
    assert!(stopped.await.unwrap(), "it must not believe that it has what it chose");
    assert_eq!(other.daemons().await.unwrap().len(), 1);
}
