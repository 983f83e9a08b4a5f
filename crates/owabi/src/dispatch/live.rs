//! What can be seen of the dispatcher from outside.

use super::database::{Database, DatabaseState};
use super::desk::{Desk, RelayState};
use super::feed::Feed;
use super::measured::Measured;
use super::shelf::Shelf;
use crate::alerts::Alerts;
use crate::library::Library;
use crate::service::Pulses;
use owabi_core::settle::Word;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What can be seen of the dispatcher while it works: by a progress bar, and by whoever asks whether all is well.
#[derive(Clone, Debug, Default)]
pub struct Live(pub(super) Arc<Seen>);

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) counters: Arc<Counters>,
    pub(super) database: Arc<Database>,
    pub(super) desks: Mutex<Vec<Arc<Desk>>>,
    pub(super) feed: Mutex<Option<Arc<Feed>>>,
    pub(super) pulses: Pulses,
    pub(super) began: Notify,
    pub(super) notices: Mutex<Option<Notices>>,
    pub(super) shelf: Shelf,
    pub(super) alerts: Alerts,
    pub(super) measured: Measured,
}

/// The notices as the dispatcher last saw them.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices {
    /// The state of each.
    pub(super) states: BTreeMap<String, String>,
    /// Those that owabi itself paused.
    pub(super) paused_itself: Vec<String>,
}

/// How attempts ended.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) deferred: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) in_doubt: AtomicU64,
    pub(super) not_sent: AtomicU64,
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

    /// The loops at work.
    pub fn pulses(&self) -> &Pulses {
        &self.0.pulses
    }

    /// Waits until the dispatcher has begun to work; each beginning is told once.
    pub async fn began(&self) {
        self.0.began.notified().await;
    }

    /// Mails that couriers have.
    pub fn under_way(&self) -> usize {
        self.feed().map_or(0, |feed| feed.out())
    }

    /// Rows in memory: waiting for their turn, or with a courier.
    pub fn in_memory(&self) -> usize {
        self.feed().map_or(0, |feed| feed.len())
    }

    fn feed(&self) -> Option<Arc<Feed>> {
        self.0.feed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the dispatcher has looked at the notices at all.
    pub fn has_looked(&self) -> bool {
        self.seen().is_some()
    }

    /// The state of each notice when the dispatcher last saw them.
    pub fn notices(&self) -> BTreeMap<String, String> {
        self.seen().clone().unwrap_or_default().states
    }

    /// The notices that were paused when the dispatcher last saw them, each with whether owabi itself paused it.
    pub fn notices_paused(&self) -> Vec<(String, bool)> {
        let Notices { states, paused_itself } = self.seen().clone().unwrap_or_default();
        let paused = states.into_iter().filter(|(_, state)| state == "paused");
        paused.map(|(id, _)| (id.clone(), paused_itself.contains(&id))).collect()
    }

    fn seen(&self) -> MutexGuard<'_, Option<Notices>> {
        self.0.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The notices on disk as they were read last, whoever read them.
    pub fn library(&self) -> Arc<Library> {
        self.0.shelf.library()
    }

    /// The notices on disk were read.
    pub fn read(&self, library: &Arc<Library>) {
        self.0.shelf.put(Arc::clone(library));
    }

    pub(super) fn saw(&self, notices: Notices) {
        *self.seen() = Some(notices);
    }

    /// What happened that a person should know of.
    pub fn alerts(&self) -> &Alerts {
        &self.0.alerts
    }

    /// How many attempts ended how, and what took how long.
    pub fn measured(&self) -> &Measured {
        &self.0.measured
    }

    pub(super) fn desks(&self) -> MutexGuard<'_, Vec<Arc<Desk>>> {
        self.0.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters {
    /// Attempts that came to an end, however.
    pub(super) fn total(&self) -> u64 {
        let all = [&self.accepted, &self.deferred, &self.failed, &self.in_doubt, &self.not_sent];
        all.into_iter().map(|counter| counter.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn count(&self, word: Word) {
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
