//! From the queue to the relays and back: claim, render, intend, send, settle.
//!
//! One claimer fills the feed, couriers keep a connection each, one recorder writes. Nothing is shared but the feed, the
//! relays' desks and the recorder's channel; each holds a bounded number of rows, so memory does not grow with the queue.
//!
//! What happens when something fails stands in the code where it is handled: a relay at its desk, one mail in
//! `owabi_core::settle`, the database in the recorder, a crash in the store's claim.

mod board;
mod breaker;
mod claimer;
mod courier;
mod database;
mod delivery;
mod desk;
mod feed;
mod fleet;
mod job;
mod measured;
mod pace;
mod recorder;
mod resources;
mod said;
mod seats;
mod shares;
mod spool;
mod take_over;
mod watch;

pub use database::{DatabaseState, Trouble};
pub use desk::RelayState;
pub(crate) use measured::Labels;
pub use measured::Measured;

use crate::alerts::Alerts;
use crate::clock::{monotonic, now_ms};
use crate::config::{Config, Jitter, Span};
use crate::library::Library;
use board::Board;
use claimer::{Claimer, End, Throughput};
use courier::Shared;
use database::Database;
pub(crate) use database::harmless;
use desk::{Desk, Pauses};
use feed::Feed;
use owabi_core::ids::Keys;
use owabi_core::retry::RetryPolicy;
use owabi_core::settle::Word;
use owabi_smtp::relay::Relay;
use owabi_store::{Store, StoreError};
use recorder::{Recorder, Tally, Writer, before};
use spool::Spool;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long the database may take for its last answers once the time for stopping is over.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How soon news are asked for again after the connection for them was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// How to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Send what is due, wait for nothing that is due later, and end.
    pub until_idle: bool,
}

/// What the dispatcher works with.
#[derive(Debug)]
pub struct Parts {
    /// The relays of the configuration, in its order.
    pub relays: Vec<Relay>,
    /// The queue. An SQLite store must be held alone: its leases are ended at the start.
    pub store: Store,
    /// The notices on disk.
    pub library: Arc<Library>,
    /// The installation's secret.
    pub keys: Keys,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Mails that a relay took.
    pub accepted: u64,
    /// Attempts put off.
    pub deferred: u64,
    /// Members refused for good or given up.
    pub failed: u64,
    /// Mails whose fate is unknown.
    pub in_doubt: u64,
    /// Attempts that never left this machine.
    pub not_sent: u64,
    /// Commits of intents and outcomes.
    pub commits: u64,
    /// Outcomes that the database did not take before the end; their mails are in doubt.
    pub unrecorded: u64,
    /// Outcomes that the database refused or did not take before the end, in the spool file for the next run.
    pub spooled: u64,
    /// It ended because no relay could be reached.
    pub relays_down: bool,
}

/// What can be seen of the dispatcher while it works: by a progress bar, and by whoever asks whether all is well.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    counters: Arc<Counters>,
    database: Arc<Database>,
    desks: Mutex<Vec<Arc<Desk>>>,
    notices: Mutex<BTreeMap<String, String>>,
    paused: Mutex<Vec<String>>,
    alerts: Alerts,
    measured: Measured,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    deferred: AtomicU64,
    failed: AtomicU64,
    in_doubt: AtomicU64,
    not_sent: AtomicU64,
}

impl Live {
    /// Mails that a relay took so far.
    pub fn accepted(&self) -> u64 {
        self.0.counters.accepted.load(Ordering::Relaxed)
    }

    /// Attempts put off so far.
    pub fn deferred(&self) -> u64 {
        self.0.counters.deferred.load(Ordering::Relaxed)
    }

    /// Members failed so far.
    pub fn failed(&self) -> u64 {
        self.0.counters.failed.load(Ordering::Relaxed)
    }

    /// Mails in doubt so far.
    pub fn in_doubt(&self) -> u64 {
        self.0.counters.in_doubt.load(Ordering::Relaxed)
    }

    /// Members that are finished with: accepted or failed.
    pub fn done(&self) -> u64 {
        self.accepted() + self.failed()
    }

    /// Whether the database does what the dispatcher needs, at `now` (epoch milliseconds).
    pub fn database(&self, now: i64) -> DatabaseState {
        self.0.database.state(now)
    }

    /// How each relay does at `now` (epoch milliseconds), in the configuration's order; none before the dispatcher began.
    pub fn relays(&self, now: i64) -> Vec<RelayState> {
        self.desks().iter().map(|desk| desk.state(now)).collect()
    }

    /// The state of each notice when the dispatcher last saw them.
    pub fn notices(&self) -> BTreeMap<String, String> {
        self.0.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The notices that owabi itself paused, when the dispatcher last saw them.
    pub fn notices_paused(&self) -> Vec<String> {
        self.0.paused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn saw_paused(&self, notices: Vec<String>) {
        *self.0.paused.lock().unwrap_or_else(PoisonError::into_inner) = notices;
    }

    fn saw_notices(&self, notices: BTreeMap<String, String>) {
        *self.0.notices.lock().unwrap_or_else(PoisonError::into_inner) = notices;
    }

    /// What happened that a person should know of.
    pub fn alerts(&self) -> &Alerts {
        &self.0.alerts
    }

    /// How many attempts ended how, and what took how long.
    pub fn measured(&self) -> &Measured {
        &self.0.measured
    }

    fn desks(&self) -> MutexGuard<'_, Vec<Arc<Desk>>> {
        self.0.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters {
    /// Attempts that came to an end, however.
    fn total(&self) -> u64 {
        let all = [&self.accepted, &self.deferred, &self.failed, &self.in_doubt, &self.not_sent];
        all.into_iter().map(|counter| counter.load(Ordering::Relaxed)).sum()
    }

    fn count(&self, word: Word) {
        let counter = match word {
            Word::Accepted => &self.accepted,
            Word::Deferred => &self.deferred,
            Word::Failed => &self.failed,
            Word::InDoubt => &self.in_doubt,
            Word::NotSent => &self.not_sent,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the configuration means to the dispatcher. Milliseconds.
#[derive(Debug)]
struct Settings {
    keys: Keys,
    bounce: String,
    claim: i64,
    lease_ms: i64,
    /// Mails that all connections together may have under way.
    slots: i64,
    /// The least that a lease must last when a body leaves.
    lease_at_least_ms: i64,
    /// The longest wait for a source of receipts before a mail in doubt is sent again.
    patience_ms: i64,
    /// The longest wait for the reply to a final dot.
    dot_ms: i64,
    retry: RetryPolicy,
    jitter: bool,
    pauses: Pauses,
    poll: Duration,
    stop_timeout: Duration,
}

impl Settings {
    fn new(config: &Config, keys: Keys) -> Self {
        let (dispatch, retry, deadlines) = (&config.dispatch, &config.retry, &config.smtp.deadlines);
        let phases = [deadlines.mail, deadlines.rcpt, deadlines.data, deadlines.body, deadlines.dot];
        let lease_at_least_ms = phases.into_iter().map(ms).sum();
        Self {
            keys,
            bounce: config.smtp.bounce.address.clone(),
            claim: i64::from(dispatch.claim),
            lease_ms: ms(dispatch.lease) + lease_at_least_ms,
            slots: config
                .smtp
                .relays
                .iter()
                .map(|relay| i64::from(relay.max_connections) * i64::from(relay.in_flight))
                .sum(),
            lease_at_least_ms,
            patience_ms: ms(config.receipts.patience),
            dot_ms: ms(deadlines.dot),
            retry: RetryPolicy {
                first_ms: ms(retry.first),
                max_ms: ms(retry.max),
                attempts: i64::from(retry.attempts),
                deadline_ms: ms(retry.deadline),
            },
            jitter: retry.jitter == Jitter::Full,
            pauses: Pauses { first_ms: ms(dispatch.backoff_first), max_ms: ms(dispatch.backoff_max) },
            poll: dispatch.poll.into(),
            stop_timeout: dispatch.stop_timeout.into(),
        }
    }
}

fn ms(span: Span) -> i64 {
    i64::try_from(Duration::from(span).as_millis()).unwrap_or(i64::MAX)
}

/// Runs the dispatcher until `stop`, or until nothing is due.
///
/// On `stop` no new mail is begun; mails in flight get `dispatch.stop_timeout` to finish; everything else goes back to
/// the queue unspent.
///
/// # Errors
/// The database was not available at the start.
pub async fn run(
    config: &Config,
    parts: Parts,
    options: Options,
    live: Live,
    stop: CancellationToken,
) -> Result<Summary, StoreError> {
    let Parts { relays, store, library, keys } = parts;
    let spool = Spool::of(&config.dispatch.spool, &store.queue_id().await?);
    spool.warn_unless_usable();
    spool.record(&store).await?;
    if !store.is_shared() {
        take_over::at_start(&store, &library).await?;
    }
    let settings = Arc::new(Settings::new(config, keys));
    let weights: Vec<u32> = config.smtp.relays.iter().map(|relay| relay.weight).collect();
    let feed = Arc::new(Feed::new(&config.pacing.limits(), &weights));
    let desks: Vec<Arc<Desk>> = relays
        .into_iter()
        .enumerate()
        .map(|(n, relay)| {
            let limits = &config.smtp.relays[n];
            Arc::new(Desk::new(n, relay, limits.max_connections as usize, limits.rate, settings.pauses))
        })
        .collect();
    let (counters, database) = (Arc::clone(&live.0.counters), Arc::clone(&live.0.database));
    let (fleet, beating) = fleet::join(config, &store, &desks, &feed, &database).await?;
    live.desks().clone_from(&desks);
    let tally = Arc::new(Tally::default());
    let (abandon, end) = (CancellationToken::new(), CancellationToken::new());
    let patience = tokio::spawn(abandon_after(stop.clone(), settings.stop_timeout, abandon.clone(), end.clone()));
    let (board, alerts) = (Arc::new(Board::default()), live.alerts().clone());
    let failures = breaker::Shared { store: store.clone(), board: Arc::clone(&board), alerts: alerts.clone() };
    let writer = Writer {
        store: store.clone(),
        lease_at_least_ms: settings.lease_at_least_ms,
        tally: Arc::clone(&tally),
        database: Arc::clone(&database),
        spool,
        board: Arc::clone(&board),
        measured: live.measured().clone(),
        abandon: abandon.clone(),
        end: end.clone(),
    };
    let (recorder, writing) = Recorder::start(writer);
    let measured = live.measured().clone();
    for desk in &desks {
        // Its series are there before its first mail.
        measured.relay(&desk.relay.name);
    }
    let shared = Shared {
        feed,
        recorder,
        store,
        settings,
        counters,
        measured,
        fleet,
        database,
        board,
        alerts,
        stop,
        abandon,
        end,
    };
    let couriers = start_couriers(config, &desks, &shared);
    let missing = BTreeMap::new();
    let until_idle = options.until_idle;
    let watching = watch::Watch::new(shared.clone(), live.clone(), config.clone());
    let (config, throughput) = (config.clone(), Throughput::default());
    let shared_too = shared.clone();
    let mut claimer = Claimer {
        shared: shared_too,
        desks,
        library,
        until_idle,
        missing,
        config,
        throughput,
        looked_at: None,
        alone_since: (!shared.store.is_shared()).then(|| (now_ms(), monotonic())),
        back: Vec::new(),
    };
    let watching = tokio::spawn(watching.work());
    let counting = tokio::spawn(breaker::work(failures.clone()));
    let listening = shared.store.is_shared().then(|| tokio::spawn(listen(shared.clone())));
    let end = claim_until_the_end(&mut claimer).await;
    for helper in listening.into_iter().chain([watching, counting]) {
        helper.abort();
        // Its connection is back in the pool when it has ended.
        let _ = helper.await;
    }
    let last = shared.end.clone();
    shut_down(claimer, shared, couriers).await;
    beating.end().await;
    // The recorder ends when its last sender is gone and everything is written, or put aside because the time is over.
    if writing.await.is_err() {
        tracing::error!("the recorder ended badly; the leases keep its rows safe");
    }
    if !live.0.database.is_away() {
        before(&last, breaker::last_look(&failures)).await;
    }
    patience.abort();
    Ok(summary(&live, &tally, end))
}

/// One time for the whole end, so that whoever asked for it knows how long it takes: what the relays may take, and then
/// what the database may.
async fn abandon_after(stop: CancellationToken, timeout: Duration, abandon: CancellationToken, end: CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(timeout).await;
    abandon.cancel();
    tokio::time::sleep(LAST_ANSWERS).await;
    end.cancel();
}

/// A database that says nothing does not hold up the end.
async fn claim_until_the_end(claimer: &mut Claimer) -> End {
    let abandon = claimer.shared.abandon.clone();
    tokio::select! {
        end = claimer.work() => end,
        () = abandon.cancelled() => End::Stopped,
    }
}

/// Wakes the claimer when another process released a notice, or paused, resumed or withdrew one. Without news the claimer polls.
async fn listen(shared: Shared) {
    let mut deaf = false;
    loop {
        match hear(&shared).await {
            Err(error) if !deaf => {
                tracing::warn!(error = harmless(&error), "no news from the database; the queue is polled");
            }
            _ => {}
        }
        deaf = true;
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn hear(shared: &Shared) -> Result<(), StoreError> {
    let mut news = shared.store.news().await?;
    loop {
        news.next().await?;
        shared.board.look.notify_one();
        shared.feed.room.notify_one();
    }
}

fn start_couriers(config: &Config, desks: &[Arc<Desk>], shared: &Shared) -> JoinSet<()> {
    let mut couriers = JoinSet::new();
    for (desk, relay) in desks.iter().zip(&config.smtp.relays) {
        for _ in 0..relay.max_connections {
            couriers.spawn(courier::tireless(Arc::clone(desk), shared.clone()));
        }
    }
    couriers
}

/// No new mails; those in flight finish, or are given up when the time is over; the rest goes back.
async fn shut_down(mut claimer: Claimer, shared: Shared, mut couriers: JoinSet<()>) {
    shared.stop.cancel();
    shared.feed.close();
    shared.fleet.wind_down();
    let abandon = shared.abandon.clone();
    tokio::select! {
        () = async { while couriers.join_next().await.is_some() {} } => {}
        () = abandon.cancelled() => {
            tracing::warn!("mails in flight got no reply within dispatch.stop_timeout; they are settled as they stand");
        }
    }
    while couriers.join_next().await.is_some() {}
    let given_back = if shared.database.is_away() { None } else { before(&shared.end, claimer.give_all_back()).await };
    let why = match given_back {
        Some(Ok(())) => return,
        Some(Err(error)) => harmless(&error),
        None => "the database is away".to_owned(),
    };
    tracing::error!(why, "rows could not be given back; they are free when their leases end");
}

fn summary(live: &Live, tally: &Tally, end: End) -> Summary {
    Summary {
        accepted: live.accepted(),
        deferred: live.deferred(),
        failed: live.failed(),
        in_doubt: live.in_doubt(),
        not_sent: live.0.counters.not_sent.load(Ordering::Relaxed),
        commits: tally.commits.load(Ordering::Relaxed),
        unrecorded: tally.unrecorded.load(Ordering::Relaxed),
        spooled: tally.spooled.load(Ordering::Relaxed),
        relays_down: end == End::RelaysDown,
    }
}

/// Uniform in `[0, 1)`. Only for spreading waits: the standard library's per-process hash keys are random enough.
fn jitter() -> f64 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1_u64 << 53) as f64
}
