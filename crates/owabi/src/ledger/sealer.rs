//! Seals what was entered since the last seal. Every daemon does; whoever comes second finds nothing left.
//!
//! PostgreSQL commits out of order: a number below the newest seal's may still come, or was rolled back. Such a gap stays
//! open until no transaction that ran when it was noticed can still commit.

use super::leaves::{Leaves, PAGE, read};
use crate::clock;
use crate::dispatch::harmless;
use owabi_core::ids::Keys;
use owabi_core::ledger::{Hash, Head, NO_SEAL, Ranges, Seal, SealKey};
use owabi_store::{LedgerRow, Store, StoreError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// From one look to the next.
const EVERY: Duration = Duration::from_secs(1);
/// A database that does not answer for so long when a daemon stops is away; the last seal may take longer.
const ANSWER: Duration = Duration::from_secs(2);
const LAST: Duration = Duration::from_mins(2);
/// How often the head goes to the log when it moved (milliseconds).
const TELL_MS: i64 = 600_000;
/// A gap stays open for so long at least (milliseconds): a number can be drawn before its transaction has an id.
const OPEN_MS: i64 = 60_000;
/// Seals that are read together.
const SEALS: i64 = 500;

/// Seals the ledger of one queue.
pub struct Sealer {
    store: Store,
    leaves: Leaves,
    key: SealKey,
    queue: String,
    newest: Newest,
    /// What seals cover, and the numbers that will never come.
    done: Ranges,
    entries: i64,
    gaps: Vec<Gap>,
}

/// The newest seal that this sealer knows.
struct Newest {
    number: i64,
    at: i64,
    hash: Hash,
}

/// Numbers below the newest that nobody has seen yet.
struct Gap {
    numbers: (i64, i64),
    /// All transactions before this one have ended when none of them can bring the numbers any more.
    next: i64,
    noticed: i64,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("newest", &self.newest.number).finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer that knows all seals there are.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn new(store: Store, keys: Keys, key: SealKey) -> Result<Self, StoreError> {
        let queue = store.queue_id().await?;
        let newest = Newest { number: 0, at: 0, hash: NO_SEAL };
        let leaves = Leaves::new(keys);
        let mut sealer =
            Self { store, leaves, key, queue, newest, done: Ranges::default(), entries: 0, gaps: Vec::new() };
        sealer.follow().await?;
        Ok(sealer)
    }

    /// The newest seal.
    pub fn head(&self) -> Head {
        let (queue, key) = (self.queue.clone(), self.key.public().id());
        let Newest { number, at, hash } = self.newest;
        Head { queue, number, at, entries: self.entries, hash, key }
    }

    /// Seals everything that can be seen at `now`. Returns how many entries this sealer sealed.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn seal(&mut self, now: i64) -> Result<i64, StoreError> {
        self.follow().await?;
        let mut sealed = 0;
        let mut rows = self.late(now).await?;
        let mut from = self.done.last().unwrap_or_default() + 1;
        let newest = self.store.ledger_newest().await?;
        loop {
            let to = newest.min(from + PAGE - 1);
            if from <= to {
                rows.extend(self.store.ledger_entries(from, to).await?);
            }
            sealed += self.seal_rows(std::mem::take(&mut rows), now).await?;
            from = to.max(from) + 1;
            if from > newest {
                break;
            }
        }
        self.note_gaps(now).await?;
        Ok(sealed)
    }

    /// Learns of the seals that others made.
    async fn follow(&mut self) -> Result<(), StoreError> {
        loop {
            let seals = self.store.seals_after(self.newest.number, SEALS).await?;
            for stored in &seals {
                // What is wrong with a seal is for `ledger verify` to say; the chain goes on behind it.
                if let Ok(seal) = stored.read() {
                    self.cover(&seal.entries);
                }
                self.newest = Newest { number: stored.number, at: stored.at, hash: Seal::hash_of(&stored.text) };
            }
            if seals.is_empty() {
                return Ok(());
            }
        }
    }

    fn cover(&mut self, entries: &Ranges) {
        self.entries += entries.count();
        if self.done.add(entries).is_err() {
            tracing::warn!("two seals cover the same entries; see owabi ledger verify");
        }
    }

    /// Entries that came late into a gap. Gaps that nothing can come into any more are closed.
    async fn late(&mut self, now: i64) -> Result<Vec<LedgerRow>, StoreError> {
        if self.gaps.is_empty() {
            return Ok(Vec::new());
        }
        let transactions = self.store.transactions().await?;
        let numbers: Vec<(i64, i64)> = self.gaps.iter().map(|gap| gap.numbers).collect();
        let come = self.store.ledger_among(&numbers, PAGE).await?;
        let mut open = Vec::new();
        for gap in std::mem::take(&mut self.gaps) {
            let (first, last) = gap.numbers;
            let silent = !come.iter().any(|seq| (first..=last).contains(seq));
            if silent && gap.next <= transactions.oldest && gap.noticed + OPEN_MS <= now {
                let _ = self.done.add(&Ranges::of(first..=last));
            } else {
                open.push(gap);
            }
        }
        self.gaps = open;
        read(&self.store, Ranges::of(come).as_slice()).await
    }

    async fn seal_rows(&mut self, rows: Vec<LedgerRow>, now: i64) -> Result<i64, StoreError> {
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows.into_iter().filter(|row| !self.done.contains(row.seq)) {
            let seq = row.seq;
            if let Some(leaf) = self.leaves.of(row) {
                entries.push((seq, leaf));
            }
        }
        let at = now.max(self.newest.at);
        let Some(seal) = Seal::over(&entries, (&self.queue, self.newest.number + 1, at), self.newest.hash, &self.key)
        else {
            return Ok(0);
        };
        let stored = seal.signed(&self.key);
        let leaves: Vec<Hash> = entries.iter().map(|(_, leaf)| *leaf).collect();
        if !self.store.append_seal(&stored, &leaves, &self.newest.hash).await? {
            // Somebody else sealed meanwhile: what is left is for the next look.
            self.follow().await?;
            return Ok(0);
        }
        self.cover(&seal.entries);
        self.newest = Newest { number: seal.number, at, hash: Seal::hash_of(&stored.text) };
        Ok(seal.entries.count())
    }

    /// Remembers the gaps that are new. On SQLite nothing comes late.
    async fn note_gaps(&mut self, now: i64) -> Result<(), StoreError> {
        let gaps = self.done.gaps();
        if !self.store.is_shared() || gaps.is_empty() {
            return Ok(());
        }
        let next = self.store.transactions().await?.next;
        let known = std::mem::take(&mut self.gaps);
        let noted = |numbers| known.iter().find(|gap| gap.numbers == numbers).map(|gap| (gap.next, gap.noticed));
        let gap = |numbers| {
            let (next, noticed) = noted(numbers).unwrap_or((next, now));
            Gap { numbers, next, noticed }
        };
        self.gaps = gaps.into_iter().map(gap).collect();
        Ok(())
    }

    /// Seals about once a second until it is stopped.
    pub fn keep_sealing(self) -> Sealing {
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep(self, stop.clone()));
        Sealing { stop, task }
    }
}

/// A sealer at work.
#[derive(Debug)]
pub struct Sealing {
    stop: CancellationToken,
    task: JoinHandle<Sealer>,
}

impl Sealing {
    /// Stops after everything that was entered is sealed, as far as the database answers.
    pub async fn finish(self) {
        self.stop.cancel();
        let Ok(mut sealer) = self.task.await else { return };
        let answers = tokio::time::timeout(ANSWER, sealer.store.newest_seal()).await.is_ok_and(|seal| seal.is_ok());
        let last = async { answers && sealer.seal(clock::now_ms()).await.is_ok() };
        if tokio::time::timeout(LAST, last).await != Ok(true) {
            tracing::warn!("the last entries are not sealed yet; the next run seals them");
        }
        tell(&sealer);
    }
}

async fn keep(mut sealer: Sealer, stop: CancellationToken) -> Sealer {
    let (mut told, mut well) = (None, true);
    loop {
        let now = clock::now_ms();
        // What is broken off here is found by the next look.
        let Some(sealed) = stop.run_until_cancelled(sealer.seal(now)).await else { return sealer };
        if let Err(error) = &sealed
            && well
        {
            tracing::warn!(error = harmless(error), "the ledger cannot be sealed now; it is tried again each second");
        }
        well = sealed.is_ok();
        let moved = told.is_none_or(|(number, at)| sealer.newest.number != number && now >= at + TELL_MS);
        if well && moved {
            tell(&sealer);
            told = Some((sealer.newest.number, now));
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return sealer,
        }
    }
}

/// The journal is a place outside the database: who keeps it finds seals that were taken off the end.
fn tell(sealer: &Sealer) {
    tracing::info!("{}", sealer.head());
}
