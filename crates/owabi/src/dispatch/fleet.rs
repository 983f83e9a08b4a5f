//! This daemon among the others on the same database: what it may use of the limits that are for all of them together.
//!
//! Once a second it says that it is alive, and chooses its parts by what the others have published (`shares.rs`). What
//! becomes less holds before it is published, what becomes more only after: so the sum holds at every moment. Whose last
//! beat is too old may use nothing, long before the others forget it and share out what was its own. Alone on SQLite
//! there are no beats, and everything may be used.

use super::database::{Database, harmless};
use super::desk::Desk;
use super::feed::Feed;
use super::resources::{Resource, resources};
use super::shares::{part, published};
use crate::clock;
use crate::config::Config;
use crate::service::{Longest, Pulse, Pulses};
use owabi_store::{Beat, DaemonRow, FORGET_MS, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// From one beat to the next.
const EVERY: Duration = Duration::from_secs(1);
/// The least time between two beats, however much is asked for.
const LEAST: Duration = Duration::from_millis(50);
/// A beat that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a beat allows to use what it brought.
const VALID: Duration = Duration::from_secs(4);
/// A daemon that has nothing to do keeps its parts for so long, so that they do not go to and fro.
const LINGER: Duration = Duration::from_secs(2);
/// An answer that took longer (milliseconds) says too little about the database's clock.
const PROMPT_MS: i64 = 500;
/// A host's clock may differ from the database's by so much before somebody should look at it.
const CLOCKS_DIFFER_MS: i64 = 5_000;

/// This daemon's place in the fleet.
#[derive(Clone, Debug)]
pub(super) struct Fleet(Option<Arc<Member>>);

#[derive(Debug)]
struct Member {
    me: DaemonRow,
    desks: Vec<Arc<Desk>>,
    feed: Arc<Feed>,
    resources: Vec<Resource>,
    /// Somebody wants a beat now.
    asked: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Until when the last beat holds.
    valid_until: Option<Instant>,
    /// There is something to do that only a part is missing for.
    waits: bool,
    winds_down: bool,
    /// When there was last something to do.
    busy_at: Option<Instant>,
    /// What the others see, as far as is known.
    shares: BTreeMap<String, f64>,
    /// The parts of the last beat, in the order of the resources.
    parts: Vec<f64>,
    /// Daemons at work, this one included.
    daemons: usize,
    clocks_compared: bool,
}

/// The task that beats, until it is told to stop.
#[derive(Debug)]
pub(super) struct Beating {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

/// Joins the daemons on a shared database, with no parts of anything yet; the host's clock is not used from here on.
///
/// # Errors
/// The database did not answer.
pub(super) async fn join(
    config: &Config,
    store: &Store,
    desks: &[Arc<Desk>],
    feed: &Arc<Feed>,
    (database, pulses): (&Arc<Database>, &Pulses),
) -> Result<(Fleet, Beating), StoreError> {
    let stop = CancellationToken::new();
    if !store.is_shared() {
        return Ok((Fleet(None), Beating { stop, task: None }));
    }
    clock::follow(store.clock_ms().await?);
    let member = Arc::new(Member::new(config, desks, feed));
    member.beat(store).await?;
    let pulse = pulses.begin("fleet", Longest::of(config).fleet);
    let task = Arc::clone(&member).keep_beating(store.clone(), Arc::clone(database), stop.clone(), pulse);
    let task = tokio::spawn(task);
    Ok((Fleet(Some(member)), Beating { stop, task: Some(task) }))
}

impl Beating {
    /// The daemon is done with its connections: the others may have what was its own.
    pub(super) async fn end(self) {
        self.stop.cancel();
        if let Some(task) = self.task
            && task.await.is_err()
        {
            tracing::error!("the beating ended badly; the other daemons forget this one in a few seconds");
        }
    }
}

impl Fleet {
    /// Whether mails may be begun and connections opened at `now`: asked immediately before, because this process may
    /// have been stopped for any time.
    pub(super) fn is_valid(&self, now: Instant) -> bool {
        self.0.as_ref().is_none_or(|member| member.lock().valid_until.is_some_and(|until| now < until))
    }

    /// What the claimer found: whether rows are due for which this daemon has no part. What is newly wanted is asked for.
    pub(super) fn looked(&self, waits: bool) {
        let Some(member) = &self.0 else { return };
        member.lock().waits = waits;
        if member.lacks_something(clock::monotonic()) {
            member.asked.notify_one();
        }
    }

    /// Nothing new is begun any more: only what is still in use is kept from the others.
    pub(super) fn wind_down(&self) {
        self.0.iter().for_each(|member| member.wind_down());
    }

    /// Rows are due, and this daemon waits for its turn.
    pub(super) fn waits(&self) -> bool {
        self.0.as_ref().is_some_and(|member| member.lock().waits)
    }
}

impl Member {
    /// A daemon that may not use anything yet.
    fn new(config: &Config, desks: &[Arc<Desk>], feed: &Arc<Feed>) -> Self {
        let me = DaemonRow {
            id: uuid::Uuid::now_v7().to_string(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            pid: i64::from(std::process::id()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: clock::now_ms(),
            ..DaemonRow::default()
        };
        let resources = resources(config, desks);
        for resource in &resources {
            resource.set(feed, 0.0);
        }
        let (desks, feed) = (desks.to_vec(), Arc::clone(feed));
        Self { me, desks, feed, resources, asked: Notify::new(), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_beating(
        self: Arc<Self>,
        store: Store,
        database: Arc<Database>,
        stop: CancellationToken,
        pulse: Pulse,
    ) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.asked.notified() => tokio::time::sleep(LEAST).await,
                () = stop.cancelled() => break,
            }
            self.try_to_beat(&store, &database).await;
            pulse.beat();
        }
        pulse.retire();
        let goodbye = tokio::time::timeout(PATIENCE, store.say_goodbye(&self.me.id));
        if !matches!(goodbye.await, Ok(Ok(()))) {
            tracing::warn!("no goodbye was said; the other daemons have this one's parts in a few seconds");
        }
    }

    /// A beat, and what it says of the database: when the trouble begins, and when it ends.
    async fn try_to_beat(&self, store: &Store, database: &Database) {
        let (beating, tried) = (&database.beating, tokio::time::timeout(PATIENCE, self.beat(store)).await);
        let (news, why) = match tried {
            Ok(Ok(())) => {
                if beating.works(clock::now_ms()) {
                    tracing::info!("this daemon has a beat again");
                }
                return;
            }
            Ok(Err(error)) => (beating.fails(&error, clock::now_ms()), harmless(&error)),
            Err(_) => (beating.says_nothing(clock::now_ms()), "the database does not answer in time".to_owned()),
        };
        if news {
            tracing::error!(why, "this daemon has no beat: it begins nothing new until it has one");
        }
    }

    async fn beat(&self, store: &Store) -> Result<(), StoreError> {
        let begun = clock::monotonic();
        let (mut parts, mut shares) = (Vec::new(), BTreeMap::new());
        let decide = |others: &[DaemonRow]| {
            (parts, shares) = self.decide(others, begun);
            shares.clone()
        };
        let beat = store.beat(&self.me, FORGET_MS, decide).await?;
        let took = clock::monotonic().saturating_duration_since(begun);
        self.follow_its_clock(&beat, i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        self.take_up(parts, shares, begun);
        self.say_how_many(beat.others.len() + 1);
        Ok(())
    }

    /// Chooses the parts, and what the others are to see. What becomes less holds when this returns.
    fn decide(&self, others: &[DaemonRow], now: Instant) -> (Vec<f64>, BTreeMap<String, f64>) {
        let (busy, winds_down) = (self.is_busy(now), self.lock().winds_down);
        let (mut parts, mut shares) = (Vec::with_capacity(self.resources.len()), BTreeMap::new());
        for resource in &self.resources {
            let wanted = !winds_down && resource.wanted(&self.feed, busy);
            let theirs = others.iter().filter_map(|row| Some((row.id.as_str(), *row.shares.get(&resource.key)?)));
            let part = if wanted { part(resource.limit, &self.me.id, theirs) } else { 0.0 };
            let in_use = resource.lower(&self.feed, part);
            shares.extend(published(part, wanted, in_use).map(|share| (resource.key.clone(), share)));
            parts.push(part);
        }
        (parts, shares)
    }

    /// The others have seen it: what became more may be used.
    fn take_up(&self, parts: Vec<f64>, shares: BTreeMap<String, f64>, begun: Instant) {
        for (resource, part) in self.resources.iter().zip(&parts) {
            resource.set(&self.feed, *part);
        }
        let mut state = self.lock();
        let changed = state.parts != parts || state.valid_until.is_none_or(|until| until <= begun);
        state.valid_until = Some(begun + VALID);
        (state.parts, state.shares) = (parts, shares);
        drop(state);
        if changed {
            self.desks.iter().for_each(|desk| self.feed.set_up(desk.number, desk.serves()));
            self.feed.work.notify_waiters();
            self.feed.room.notify_one();
        }
    }

    fn wind_down(&self) {
        self.lock().winds_down = true;
        self.asked.notify_one();
    }

    /// There is something to do, or was until a moment ago.
    fn is_busy(&self, now: Instant) -> bool {
        let works = self.feed.len() > 0;
        let mut state = self.lock();
        if works || state.waits {
            state.busy_at = Some(now);
        }
        state.busy_at.is_some_and(|at| now.saturating_duration_since(at) < LINGER)
    }

    /// Something is wanted that the others do not know of yet.
    fn lacks_something(&self, now: Instant) -> bool {
        let busy = self.is_busy(now);
        let unknown = |resource: &&Resource| !self.lock().shares.contains_key(&resource.key);
        self.resources.iter().filter(unknown).any(|resource| resource.wanted(&self.feed, busy))
    }

    fn follow_its_clock(&self, beat: &Beat, took_ms: i64) {
        let first = !std::mem::replace(&mut self.lock().clocks_compared, true);
        let database_ms = beat.database_ms + took_ms / 2;
        if took_ms <= PROMPT_MS {
            clock::follow(database_ms);
        }
        let ahead_ms = clock::system_ms() - database_ms;
        if first && ahead_ms.abs() > CLOCKS_DIFFER_MS + took_ms {
            tracing::warn!(ahead_ms, "this host's clock is not the database's; the database's is used");
        }
    }

    fn say_how_many(&self, daemons: usize) {
        if std::mem::replace(&mut self.lock().daemons, daemons) != daemons {
            tracing::info!(daemons, "daemons at work on this database, with this one");
        }
    }
}

#[cfg(test)]
mod tests;
