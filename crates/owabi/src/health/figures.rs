//! What `GET /metrics` tells of the database. Nobody is asked on the way of a mail: a scrape asks, at most every ten seconds, one
//! look at a time, and waits two seconds for it. Then the last figures are told, with their age.

use crate::cli::status::hold::Hold;
use crate::clock::{monotonic, now_ms};
use crate::dispatch::Live;
use owabi_core::lifecycle::Status;
use owabi_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Figures of this age are good enough.
const FRESH: Duration = Duration::from_secs(10);
/// A look that takes long is taken seldom: one part of so many of the time.
const SHARE: u32 = 20;
/// How long a scrape waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a look may take.
const LONGEST: Duration = Duration::from_mins(1);

/// Members by notice and status.
pub(super) type Counts = BTreeMap<String, BTreeMap<Status, i64>>;

/// What was found at one time.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Of every notice, with the statuses that are there.
    pub(super) counts: Counts,
    /// How late the oldest due mail is (milliseconds).
    pub(super) late_ms: i64,
    /// Entries behind the newest seal.
    pub(super) unsealed: i64,
    /// When the newest seal was made (epoch milliseconds); 0 for never.
    pub(super) sealed_at: i64,
}

/// What a scrape tells of the database.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Whether the last look succeeded.
    pub(super) up: bool,
    /// What the last one that succeeded found, and its age.
    pub(super) found: Option<(Arc<Found>, Duration)>,
}

/// The looks so far.
#[derive(Debug, Default)]
struct Looks {
    /// When the last one ended, how long it took, and whether it succeeded.
    last: Option<(Instant, Duration, bool)>,
    found: Option<(Arc<Found>, Instant)>,
}

impl Looks {
    /// A look ended: `found` is what it found, if it succeeded.
    fn note(&mut self, begun: Instant, ended: Instant, found: Option<Found>) {
        self.last = Some((ended, ended.saturating_duration_since(begun), found.is_some()));
        if let Some(found) = found {
            self.found = Some((Arc::new(found), ended));
        }
    }

    /// Whether to look again. One that failed is not repeated sooner than one that succeeded.
    fn is_stale(&self, now: Instant) -> bool {
        self.last.is_none_or(|(ended, took, _)| {
            now.saturating_duration_since(ended) >= FRESH.max(took.saturating_mul(SHARE))
        })
    }

    fn told(&self, now: Instant) -> Told {
        let age = |(found, at): &(Arc<Found>, Instant)| (Arc::clone(found), now.saturating_duration_since(*at));
        Told { up: self.last.is_some_and(|(_, _, succeeded)| succeeded), found: self.found.as_ref().map(age) }
    }
}

/// The last looks, and how to look again. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Figures {
    store: Store,
    live: Live,
    looks: Arc<Mutex<Looks>>,
    /// Whoever has it looks.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Figures {
    /// No look yet. What is due is judged by the policies that `live` sends by.
    pub fn new(store: Store, live: Live) -> Self {
        Self { store, live, looks: Arc::default(), turn: Arc::default() }
    }

    /// The newest figures that can be had soon.
    pub(super) async fn newest(&self) -> Told {
        if self.looks().is_stale(monotonic())
            && let Ok(turn) = Arc::clone(&self.turn).try_lock_owned()
        {
            let this = self.clone();
            let looking = tokio::spawn(async move {
                this.look().await;
                drop(turn);
            });
            // A look that takes longer goes on, and the next scrape has what it found.
            let _ = tokio::time::timeout(PATIENCE, looking).await;
        }
        self.looks().told(monotonic())
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self) {
        let begun = monotonic();
        // Whoever watches the database hears of its absence from the dispatcher.
        let found = tokio::time::timeout(LONGEST, self.find(now_ms())).await.ok().and_then(Result::ok);
        self.looks().note(begun, monotonic(), found);
    }

    async fn find(&self, now: i64) -> Result<Found, StoreError> {
        let seal = self.store.newest_seal().await?;
        let sealed_to = seal.as_ref().map_or(0, |seal| seal.last_seq);
        let newest = self.store.ledger_newest().await?;
        let mut counts = self.store.counts().await?;
        let library = self.live.library();
        let mut late_ms = 0;
        for row in self.store.notices().await? {
            counts.entry(row.id.clone()).or_default();
            if row.state == "released" {
                let due = Hold::of(&self.store, &library, &row, now).await?.next_due(&self.store, &row).await?;
                late_ms = late_ms.max(due.map_or(0, |due| now.saturating_sub(due)));
            }
        }
        let sealed_at = seal.map_or(0, |seal| seal.at);
        Ok(Found { counts, late_ms, unsealed: (newest - sealed_to).max(0), sealed_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_look_that_failed_is_told_keeps_the_older_figures_and_is_not_repeated_at_once() {
        let mut looks = Looks::default();
        let begin = monotonic();
        assert!(looks.is_stale(begin) && !looks.told(begin).up && looks.told(begin).found.is_none());
        looks.note(begin, begin + MINUTE, None);
        assert!(!looks.is_stale(begin + 20 * MINUTE) && looks.is_stale(begin + 21 * MINUTE));
        assert!(!looks.told(begin + MINUTE).up && looks.told(begin + MINUTE).found.is_none());
        let again = begin + 21 * MINUTE;
        looks.note(again, again, Some(Found { unsealed: 3, ..Found::default() }));
        assert!(looks.told(again).up && !looks.is_stale(again + FRESH / 2) && looks.is_stale(again + FRESH));
        looks.note(again + MINUTE, again + MINUTE, None);
        let Told { up, found } = looks.told(again + 2 * MINUTE);
        let (found, age) = found.unwrap();
        assert_eq!((up, found.unsealed, age), (false, 3, 2 * MINUTE));
    }

    #[tokio::test]
    async fn a_database_that_cannot_be_asked_is_told_and_not_only_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("owabi.db").display());
        let store = Store::open(&owabi_store::OpenOptions::new(url)).await.unwrap();
        let figures = Figures::new(store.clone(), Live::default());
        let told = figures.newest().await;
        assert!(told.up && told.found.is_some());
        let away = Figures::new(store.clone(), Live::default());
        store.close().await;
        let told = away.newest().await;
        assert!(!told.up && told.found.is_none() && !away.looks().is_stale(monotonic()));
    }
}
