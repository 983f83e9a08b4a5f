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
mod tests {
    use super::super::desk::Pauses;
    use super::super::job::tests::job;
    use super::super::seats::Seat;
    use super::*;
    use crate::config::Relay as RelayLimits;
    use owabi_core::outcome::{Fault, FaultKind, Phase};
    use owabi_core::text::Text;
    use owabi_smtp::relay::Relay;

    const DOMAIN: &str = "docomo.ne.jp";

    /// Daemons on one table, as the store keeps it, and a time that the test moves.
    struct Fleet {
        members: Vec<Member>,
        rows: BTreeMap<String, DaemonRow>,
        now: Instant,
    }

    fn pauses() -> Pauses {
        Pauses { first_ms: 1_000, max_ms: 8_000 }
    }

    fn member(id: &str, connections: u32) -> Member {
        let mut config = Config::default();
        let relay = RelayLimits {
            name: "main".into(),
            max_connections: connections,
            rate: Some(8.0),
            ..RelayLimits::default()
        };
        config.smtp.relays = vec![relay];
        let desk = Desk::new(0, Relay::new("main", "127.0.0.1", 25), connections as usize, Some(8.0), pauses());
        let feed = Arc::new(Feed::new(&config.pacing.limits(), &[1]));
        let mut member = Member::new(&config, &[Arc::new(desk)], &feed);
        member.me.id = id.to_owned();
        member
    }

    impl Fleet {
        fn of(ids: &[&str], connections: u32) -> Self {
            let members = ids.iter().map(|id| member(id, connections)).collect();
            Self { members, rows: BTreeMap::new(), now: clock::monotonic() }
        }

        fn works(&self, n: usize, mails: i64, domain: &str) {
            let jobs = (0..mails).map(|id| job(id, &format!("u{id}@{domain}"))).collect();
            self.members[n].feed.put(jobs, 0);
        }

        fn beat(&mut self, n: usize) {
            let member = &self.members[n];
            let others: Vec<DaemonRow> = self.rows.values().filter(|row| row.id != member.me.id).cloned().collect();
            let (parts, shares) = member.decide(&others, self.now);
            self.rows.insert(member.me.id.clone(), DaemonRow { shares: shares.clone(), ..member.me.clone() });
            member.take_up(parts, shares, self.now);
        }

        fn connect(&self, n: usize) -> Vec<Seat> {
            std::iter::from_fn(|| self.members[n].desks[0].seats.sit()).collect()
        }

        fn share(&self, n: usize, key: &str) -> Option<f64> {
            self.rows[&self.members[n].me.id].shares.get(key).copied()
        }
    }

    #[test]
    fn a_daemon_may_use_nothing_before_its_first_beat_and_a_lone_one_everything_after_it() {
        let mut fleet = Fleet::of(&["a"], 3);
        fleet.works(0, 5, DOMAIN);
        assert!(fleet.connect(0).is_empty());
        assert!(!super::Fleet(Some(Arc::new(member("b", 3)))).is_valid(fleet.now));
        fleet.beat(0);
        assert_eq!(fleet.connect(0).len(), 3);
        assert_eq!(fleet.share(0, "relay:main:rate"), Some(8.0));
        assert_eq!(fleet.share(0, "domain:docomo.ne.jp:concurrency"), Some(10.0));
        assert_eq!(fleet.share(0, "domain:au.com:concurrency"), None, "nothing of it is wanted");
    }

    #[test]
    fn connections_at_work_are_published_until_they_have_left_and_only_then_is_their_place_another_s() {
        let mut fleet = Fleet::of(&["a", "b"], 4);
        fleet.works(0, 5, "example.jp");
        fleet.works(1, 5, "example.jp");
        fleet.beat(0);
        let mut first = fleet.connect(0);
        fleet.beat(1);
        assert!(fleet.connect(1).is_empty(), "the other one has them all");
        fleet.beat(0);
        assert_eq!(fleet.share(0, "relay:main:connections"), Some(4.0));
        assert_eq!((fleet.share(0, "relay:main:rate"), fleet.share(1, "relay:main:rate")), (Some(4.0), Some(0.0)));
        first.retain_mut(|seat| seat.stays(true));
        assert_eq!(first.len(), 2);
        fleet.beat(1);
        assert!(fleet.connect(1).is_empty(), "nobody said yet that they have left");
        fleet.beat(0);
        fleet.beat(1);
        assert_eq!((fleet.connect(0).len(), fleet.connect(1).len()), (0, 2));
        assert_eq!(fleet.share(1, "relay:main:rate"), Some(4.0));
    }

    #[test]
    fn a_daemon_without_a_connection_for_it_waits_and_gets_one_when_another_has_nothing_to_do() {
        let mut fleet = Fleet::of(&["a", "b"], 1);
        fleet.works(0, 1, "example.jp");
        fleet.beat(0);
        fleet.members[1].lock().waits = true;
        for n in [1, 0, 1] {
            fleet.beat(n);
        }
        assert!(!fleet.members[1].desks[0].serves());
        fleet.members[0].feed.drain();
        fleet.now += LINGER;
        for n in [0, 1] {
            fleet.beat(n);
        }
        assert!(fleet.members[1].desks[0].serves() && !fleet.members[0].desks[0].serves());
        assert_eq!(fleet.share(0, "relay:main:connections"), None);
    }

    #[test]
    fn a_standby_is_wanted_only_while_the_others_are_down() {
        let mut config = Config::default();
        let relay = |weight| RelayLimits { name: format!("weight {weight}"), weight, ..RelayLimits::default() };
        config.smtp.relays = vec![relay(1), relay(0)];
        let desk = |n| Arc::new(Desk::new(n, Relay::new("relay", "127.0.0.1", 25), 4, None, pauses()));
        let (desks, feed) = ([desk(0), desk(1)], Arc::new(Feed::new(&[], &[1, 0])));
        let member = Member::new(&config, &desks, &feed);
        feed.put(vec![job(1, "u@example.jp")], 0);
        let now = clock::monotonic();
        let seats = || {
            let (parts, shares) = member.decide(&[], now);
            member.take_up(parts, shares, now);
            [desks[0].seats.any(), desks[1].seats.any()]
        };
        assert_eq!(seats(), [true, false]);
        let gone =
            Fault { phase: Phase::Connect, kind: FaultKind::Connection, reply: None, detail: Text::same("gone") };
        desks[0].fault(&gone, 0, 0, 1.0);
        assert_eq!(seats(), [true, true], "and the first is tried again");
    }

    #[test]
    fn who_winds_down_keeps_only_the_connections_that_are_at_work() {
        let mut fleet = Fleet::of(&["a"], 4);
        fleet.works(0, 9, DOMAIN);
        fleet.beat(0);
        let mut seats = fleet.connect(0);
        seats.truncate(1);
        fleet.members[0].wind_down();
        fleet.beat(0);
        assert!(fleet.connect(0).is_empty());
        let shares = &fleet.rows["a"].shares;
        assert_eq!(shares, &BTreeMap::from([("relay:main:connections".to_owned(), 1.0)]));
    }

    #[test]
    fn work_that_no_part_is_known_for_asks_for_a_beat_at_once_and_is_asked_for_once() {
        let mut fleet = Fleet::of(&["a"], 2);
        fleet.beat(0);
        assert!(!fleet.members[0].lacks_something(fleet.now), "nothing to do");
        fleet.works(0, 1, "example.jp");
        assert!(fleet.members[0].lacks_something(fleet.now));
        fleet.beat(0);
        assert!(!fleet.members[0].lacks_something(fleet.now));
        fleet.works(0, 1, DOMAIN);
        assert!(fleet.members[0].lacks_something(fleet.now), "a domain with limits of its own");
    }

    #[test]
    fn a_beat_holds_for_four_seconds_however_long_the_process_slept_afterwards() {
        let mut fleet = Fleet::of(&["a"], 2);
        fleet.beat(0);
        let (beat, member) = (fleet.now, fleet.members.remove(0));
        let fleet = super::Fleet(Some(Arc::new(member)));
        assert!(fleet.is_valid(beat + VALID.mul_f64(0.99)));
        assert!(!fleet.is_valid(beat + VALID));
        assert!(!fleet.is_valid(beat + Duration::from_mins(10)));
        assert!(super::Fleet(None).is_valid(beat), "alone on its database");
    }

    #[test]
    fn a_beat_that_was_lost_lowers_and_never_raises() {
        let mut fleet = Fleet::of(&["a", "b"], 4);
        fleet.works(0, 1, "example.jp");
        fleet.beat(0);
        let other = DaemonRow {
            id: "b".into(),
            shares: BTreeMap::from([("relay:main:connections".into(), 0.0)]),
            ..DaemonRow::default()
        };
        fleet.members[0].decide(&[other], fleet.now);
        let held = fleet.connect(0);
        assert_eq!(held.len(), 2);
        fleet.members[0].decide(&[], fleet.now);
        assert!(fleet.connect(0).is_empty());
    }
}
