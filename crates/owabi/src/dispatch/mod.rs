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
mod handing_out;
mod helpers;
mod job;
mod live;
mod measured;
mod pace;
mod recorder;
mod resources;
mod said;
mod seats;
mod settings;
mod shares;
mod shelf;
mod spool;
mod take_over;
mod throughput;
mod watch;

pub use database::{DatabaseState, Trouble};
pub use desk::RelayState;
pub use live::Live;
pub(crate) use measured::Labels;
pub use measured::Measured;

use crate::clock::{monotonic, now_ms};
use crate::config::Config;
use crate::library::Library;
use crate::service::{Longest, Pulse, Pulses};
use board::Board;
use claimer::{Claimer, End};
use courier::Shared;
use database::Database;
pub(crate) use database::harmless;
use desk::{Desk, Pauses};
use feed::Feed;
use helpers::Helpers;
use live::Counters;
use owabi_core::ids::Keys;
use owabi_smtp::relay::Relay;
use owabi_store::{Store, StoreError};
use recorder::{Recorder, Tally, Writer, before};
use settings::Settings;
use spool::Spool;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use throughput::Throughput;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long the database may take for its last answers once the time for stopping is over.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How often an end that waits for couriers proves that it goes on.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Send what is due, wait for nothing that is due later, and end.
    pub until_idle: bool,
}

/// How it is told to end: at once both, or first to begin nothing more and, should that take too long, to end all the same.
#[derive(Clone, Debug)]
pub struct Stops {
    /// No new mails; those under way finish, however long their relay may take. Cancelled with `end` at the latest.
    pub wind_down: CancellationToken,
    /// Those under way have `dispatch.stop_timeout` from now.
    pub end: CancellationToken,
}

impl From<CancellationToken> for Stops {
    fn from(stop: CancellationToken) -> Self {
        Self { wind_down: stop.clone(), end: stop }
    }
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

impl Summary {
    /// What was done by this run of the dispatcher and by those before it, which counted into the same [`Live`].
    #[must_use]
    pub fn after(self, before: Self) -> Self {
        Self {
            commits: self.commits + before.commits,
            unrecorded: self.unrecorded + before.unrecorded,
            spooled: self.spooled + before.spooled,
            ..self
        }
    }
}

/// Runs the dispatcher until `stop`, or until nothing is due.
///
/// On a stop no new mail is begun; mails in flight get `dispatch.stop_timeout` to finish (see [`Stops`]); everything else goes
/// back to the queue unspent.
///
/// # Errors
/// The database was not available at the start.
pub async fn run(
    config: &Config,
    parts: Parts,
    options: Options,
    live: Live,
    stops: impl Into<Stops>,
) -> Result<Summary, StoreError> {
    let (Stops { wind_down, end: asked }, pulses, longest) = (stops.into(), live.pulses(), Longest::of(config));
    // It is cancelled at the end, also at one that comes by itself: whoever gave it goes on with theirs.
    let stop = wind_down.child_token();
    let Parts { relays, store, library, keys } = parts;
    live.read(&library);
    let spool = Spool::of(&config.dispatch.spool, &store.queue_id().await?);
    spool.warn_unless_usable();
    spool.record(&store).await?;
    if !store.is_shared() {
        take_over::at_start(&store, &library).await?;
    }
    let settings = Arc::new(Settings::new(config, keys));
    let weights: Vec<u32> = config.smtp.relays.iter().map(|relay| relay.weight).collect();
    let feed = Arc::new(Feed::new(&config.pacing.limits(), &weights));
    let measured = live.measured().clone();
    let desks = desks(config, relays, settings.pauses, &measured);
    let (counters, database) = (Arc::clone(&live.0.counters), Arc::clone(&live.0.database));
    let (fleet, beating) = fleet::join(config, &store, &desks, &feed, (&database, pulses)).await?;
    live.desks().clone_from(&desks);
    *live.0.feed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&feed));
    let tally = Arc::new(Tally::default());
    let (abandon, end) = (CancellationToken::new(), CancellationToken::new());
    let patience = tokio::spawn(abandon_after(asked, settings.stop_timeout, abandon.clone(), end.clone()));
    let (board, alerts) = (Arc::new(Board::default()), live.alerts().clone());
    let failures = breaker::Shared { store: store.clone(), board: Arc::clone(&board), alerts: alerts.clone() };
    let recording = pulses.begin("recorder", longest.database);
    let writer = Writer {
        store: store.clone(),
        lease_at_least_ms: settings.lease_at_least_ms,
        tally: Arc::clone(&tally),
        database: Arc::clone(&database),
        spool,
        board: Arc::clone(&board),
        measured: measured.clone(),
        abandon: abandon.clone(),
        end: end.clone(),
        pulse: recording.clone(),
    };
    let (recorder, writing) = Recorder::start(writer);
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
    let couriers = start_couriers(config, &desks, &shared, pulses);
    let missing = BTreeMap::new();
    let until_idle = options.until_idle;
    let config = Arc::new(config.clone());
    let helpers = Helpers::start(&config, &live, (&shared, &desks), &failures);
    let claims = pulses.begin("claimer", longest.database);
    let throughput = Throughput::default();
    let shared_too = shared.clone();
    let mut claimer = Claimer {
        shared: shared_too,
        desks,
        live: live.clone(),
        until_idle,
        missing,
        config,
        throughput,
        looked_at: None,
        alone_since: (!shared.store.is_shared()).then(|| (now_ms(), monotonic())),
        back: Vec::new(),
        pulse: claims.clone(),
    };
    live.0.began.notify_one();
    let end = claim_until_the_end(&mut claimer).await;
    helpers.end().await;
    claims.retire();
    let last = shared.end.clone();
    let winding_down = pulses.begin("winding down", longest.wind_down);
    shut_down(claimer, shared, couriers, &winding_down).await;
    winding_down.retire();
    beating.end().await;
    // The recorder ends when its last sender is gone and everything is written, or put aside because the time is over.
    if writing.await.is_err() {
        tracing::error!("the recorder ended badly; the leases keep its rows safe");
    }
    recording.retire();
    if !live.0.database.is_away() {
        before(&last, breaker::last_look(&failures)).await;
    }
    patience.abort();
    Ok(summary(&live, &tally, end))
}

/// A desk a relay. What is measured of it is there before its first mail.
fn desks(config: &Config, relays: Vec<Relay>, pauses: Pauses, measured: &Measured) -> Vec<Arc<Desk>> {
    let desk = |(n, relay): (usize, Relay)| {
        let limits = &config.smtp.relays[n];
        measured.relay(&relay.name);
        Arc::new(Desk::new(n, relay, limits.max_connections as usize, limits.rate, pauses))
    };
    relays.into_iter().enumerate().map(desk).collect()
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

fn start_couriers(config: &Config, desks: &[Arc<Desk>], shared: &Shared, pulses: &Pulses) -> JoinSet<()> {
    let mut couriers = JoinSet::new();
    for (desk, relay) in desks.iter().zip(&config.smtp.relays) {
        for n in 1..=relay.max_connections {
            let pulse = pulses.begin(format!("courier {} {n}", relay.name), Longest::of(config).courier);
            couriers.spawn(courier::tireless(Arc::clone(desk), shared.clone(), pulse));
        }
    }
    couriers
}

/// No new mails; those in flight finish, or are given up when the time is over; the rest goes back.
async fn shut_down(mut claimer: Claimer, shared: Shared, mut couriers: JoinSet<()>, pulse: &Pulse) {
    shared.stop.cancel();
    shared.feed.close();
    shared.fleet.wind_down();
    let abandon = shared.abandon.clone();
    tokio::select! {
        () = gone_home(&mut couriers, &shared.database, pulse) => {}
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

/// Until the last courier has ended. While the database is away, which may take any time, they have nothing to go on with.
async fn gone_home(couriers: &mut JoinSet<()>, database: &Database, pulse: &Pulse) {
    loop {
        match tokio::time::timeout(LOOK_AGAIN, couriers.join_next()).await {
            Ok(None) => return,
            Ok(Some(_)) => pulse.beat(),
            Err(_) if database.is_away() => pulse.beat(),
            Err(_) => {}
        }
    }
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
