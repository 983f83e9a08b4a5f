//! What `GET /metrics` tells of the database. Nobody is asked on the way of a mail: a scrape asks, at most every ten seconds, one
//! look at a time, and waits two seconds for it. Then the last figures are told, with their age.

use crate::cli::status::hold::Hold;
use crate::clock::{monotonic, now_ms};
use crate::library::Library;
use owabi_core::lifecycle::Status;
use owabi_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
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

#[derive(Debug)]
struct Last {
    found: Arc<Found>,
    at: Instant,
    took: Duration,
}

/// The last look, and how to look again. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Figures {
    store: Store,
    library: Arc<Library>,
    last: Arc<Mutex<Option<Last>>>,
    /// Whoever has it looks.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Figures {
    /// No look yet.
    pub fn new(store: Store, library: Arc<Library>) -> Self {
        Self { store, library, last: Arc::default(), turn: Arc::default() }
    }

    /// The newest figures that can be had soon, and their age; `None` before the first look succeeded.
    pub(super) async fn newest(&self) -> Option<(Arc<Found>, Duration)> {
        if self.is_stale()
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
        self.last.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|last| {
            let age = monotonic().saturating_duration_since(last.at);
            (Arc::clone(&last.found), age)
        })
    }

    fn is_stale(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().is_none_or(|last| {
            monotonic().saturating_duration_since(last.at) >= FRESH.max(last.took.saturating_mul(SHARE))
        })
    }

    async fn look(&self) {
        let begun = monotonic();
        // Whoever watches the database hears of its absence from the dispatcher.
        if let Ok(Ok(found)) = tokio::time::timeout(LONGEST, self.find(now_ms())).await {
            let at = monotonic();
            let last = Last { found: Arc::new(found), at, took: at.saturating_duration_since(begun) };
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        }
    }

    async fn find(&self, now: i64) -> Result<Found, StoreError> {
        let seal = self.store.newest_seal().await?;
        let sealed_to = seal.as_ref().map_or(0, |seal| seal.last_seq);
        let newest = self.store.ledger_newest().await?;
        let mut counts = self.store.counts().await?;
        let mut late_ms = 0;
        for row in self.store.notices().await? {
            counts.entry(row.id.clone()).or_default();
            if row.state == "released" && !Hold::of(&self.store, &self.library, &row, now).await?.holds() {
                let due = self.store.next_due(&row.id).await?;
                late_ms = late_ms.max(due.map_or(0, |due| now.saturating_sub(due)));
            }
        }
        let sealed_at = seal.map_or(0, |seal| seal.at);
        Ok(Found { counts, late_ms, unsealed: (newest - sealed_to).max(0), sealed_at })
    }
}
