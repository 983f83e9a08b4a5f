//! Seals what was entered since the last seal. Every daemon does; whoever comes second finds nothing left.
//!
//! PostgreSQL commits out of order: a number below the newest seal's may still come, or was rolled back. Such a gap stays
//! open until no transaction that ran when it was noticed can still commit.

use super::leaves::{Leaves, PAGE, read};
use super::noted::{Noted, Older};
use crate::alerts::{Alerts, Kind};
use crate::cli::say::say;
use crate::clock;
use crate::dispatch::harmless;
use crate::service::Pulse;
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
/// Sealing that fails for so long is told (milliseconds).
const TROUBLE_MS: i64 = 5_000;

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
    noted: Option<Noted>,
    /// The newest seal that was noted by this sealer: of a chain that others go on with, too.
    noted_to: i64,
    /// The chain was found to hold the noted head.
    trusted: bool,
    /// Of a daemon: a round may take long after a large import, a page does not.
    pulse: Option<Pulse>,
}

/// What became of a page.
enum Page {
    /// So many entries were sealed.
    Sealed(i64),
    /// Somebody else sealed meanwhile: which entries are left is to be seen again.
    Lost,
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
        let (done, gaps) = (Ranges::default(), Vec::new());
        let mut sealer = Self {
            store,
            leaves,
            key,
            queue,
            newest,
            done,
            entries: 0,
            gaps,
            noted: None,
            noted_to: 0,
            trusted: false,
            pulse: None,
        };
        sealer.follow().await?;
        Ok(sealer)
    }

    /// Notes the head outside the database after each seal, and seals no chain that does not hold the head that is noted there.
    #[must_use]
    pub fn noting(mut self, noted: Noted) -> Self {
        self.noted = Some(noted);
        self
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
    /// `Unavailable`; `Damaged` when the chain does not hold the head that was noted, or lost seals meanwhile.
    pub async fn seal(&mut self, now: i64) -> Result<i64, StoreError> {
        self.follow().await?;
        self.trust().await?;
        let mut sealed = 0;
        while !self.round(now, &mut sealed).await? {}
        if self.newest.number > self.noted_to {
            let head = self.head();
            self.noted_to = head.number;
            self.noted.iter_mut().for_each(|noted| noted.write(&head));
        }
        Ok(sealed)
    }

    /// The head that was noted must be in the chain: else seals were taken away, and a new chain would cover it up. A chain that begins
    /// is noted before its first seal.
    ///
    /// # Errors
    /// `SealsGone`, `SealsUnknown`; `NoNote` when nothing can be noted; `Unavailable`.
    pub async fn trust(&mut self) -> Result<(), StoreError> {
        if self.trusted {
            return Ok(());
        }
        if let Some(noted) = &self.noted {
            match noted.older(&self.store, &self.queue).await? {
                Some(Older::Than(head)) => return Err(StoreError::SealsGone { number: head.number }),
                Some(Older::Unknown | Older::Unreadable(_)) => return Err(StoreError::SealsUnknown),
                None => noted.begin(&self.head()).or_else(|error| self.goes_on_without(noted, &error))?,
            }
        }
        self.trusted = true;
        Ok(())
    }

    /// On a shared database others note: what cannot be written here is said after the first seal.
    fn goes_on_without(&self, noted: &Noted, error: &std::io::Error) -> Result<(), StoreError> {
        if self.store.is_shared() { Ok(()) } else { Err(noted.cannot_be_written(error)) }
    }

    /// One pass over what is not sealed. Returns whether it came to its end.
    async fn round(&mut self, now: i64, sealed: &mut i64) -> Result<bool, StoreError> {
        let mut rows = self.late(now).await?;
        let mut from = self.done.last().unwrap_or_default() + 1;
        let newest = self.store.ledger_newest().await?;
        loop {
            let to = newest.min(from + PAGE - 1);
            if from <= to {
                rows.extend(self.store.ledger_entries(from, to).await?);
            }
            self.pulse.iter().for_each(Pulse::beat);
            match self.seal_rows(std::mem::take(&mut rows), now).await? {
                Page::Sealed(entries) => *sealed += entries,
                Page::Lost => return Ok(false),
            }
            from = to.max(from) + 1;
            if from > newest {
                break;
            }
        }
        self.note_gaps(now).await?;
        Ok(true)
    }

    /// Learns of the seals that others made.
    async fn follow(&mut self) -> Result<(), StoreError> {
        loop {
            let seals = self.store.seals_after(self.newest.number, SEALS).await?;
            self.pulse.iter().for_each(Pulse::beat);
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
        if !self.store.is_shared() {
            let come = self.store.ledger_among(&self.done.gaps(), PAGE).await?;
            return read(&self.store, Ranges::of(come).as_slice()).await;
        }
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

    async fn seal_rows(&mut self, rows: Vec<LedgerRow>, now: i64) -> Result<Page, StoreError> {
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
            return Ok(Page::Sealed(0));
        };
        let stored = seal.signed(&self.key);
        let leaves: Vec<Hash> = entries.iter().map(|(_, leaf)| *leaf).collect();
        if !self.store.append_seal(&stored, &leaves, &self.newest.hash).await? {
            let known = self.newest.number;
            self.follow().await?;
            let number = known.max(1);
            return if self.newest.number > known { Ok(Page::Lost) } else { Err(StoreError::SealsGone { number }) };
        }
        self.cover(&seal.entries);
        self.newest = Newest { number: seal.number, at, hash: Seal::hash_of(&stored.text) };
        Ok(Page::Sealed(seal.entries.count()))
    }

    /// Remembers the gaps that are new. On SQLite nothing comes late: what a lost race left is looked for each time.
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
    pub fn keep_sealing(mut self, alerts: Alerts, pulse: Pulse) -> Sealing {
        let stop = CancellationToken::new();
        self.pulse = Some(pulse.clone());
        let task = tokio::spawn(keep(self, stop.clone(), alerts));
        Sealing { stop, task, pulse }
    }
}

/// A sealer at work.
#[derive(Debug)]
pub struct Sealing {
    stop: CancellationToken,
    /// The sealer, and the head that the journal has.
    task: JoinHandle<(Sealer, Option<i64>)>,
    pulse: Pulse,
}

impl Sealing {
    /// Stops after everything that was entered is sealed, as far as the database answers.
    pub async fn finish(self) {
        self.stop.cancel();
        let done = self.task.await;
        self.pulse.retire();
        let Ok((mut sealer, told)) = done else { return };
        let answers = tokio::time::timeout(ANSWER, sealer.store.newest_seal()).await.is_ok_and(|seal| seal.is_ok());
        let last = async { answers && sealer.seal(clock::now_ms()).await.is_ok() };
        if tokio::time::timeout(LAST, last).await != Ok(true) {
            tracing::warn!("the last entries are not sealed yet; the next run seals them");
        }
        if told != Some(sealer.newest.number) {
            tell(&sealer);
        }
    }
}

async fn keep(mut sealer: Sealer, stop: CancellationToken, alerts: Alerts) -> (Sealer, Option<i64>) {
    let (mut told, mut trouble) = (None, Trouble::default());
    loop {
        let now = clock::now_ms();
        let number = |told: Option<(i64, i64)>| told.map(|(number, _)| number);
        // What is broken off here is found by the next look.
        let Some(sealed) = stop.run_until_cancelled(sealer.seal(now)).await else { return (sealer, number(told)) };
        trouble.take(sealed.as_ref().err(), now, &alerts);
        let moved = told.is_none_or(|(number, at)| sealer.newest.number != number && now >= at + TELL_MS);
        if sealed.is_ok() && moved {
            tell(&sealer);
            told = Some((sealer.newest.number, now));
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return (sealer, number(told)),
        }
    }
}

/// Since when sealing fails.
#[derive(Default)]
struct Trouble {
    since: Option<i64>,
}

impl Trouble {
    fn take(&mut self, error: Option<&StoreError>, now: i64, alerts: &Alerts) {
        let Some(error) = error else {
            if self.since.take().is_some() {
                alerts.over(Kind::SealTrouble, "");
            }
            return;
        };
        let why = harmless(error);
        if self.since.is_none() {
            if let StoreError::SealsGone { .. } | StoreError::SealsUnknown = error {
                tracing::error!(error = why, "the ledger is not sealed: run owabi ledger verify");
            } else {
                tracing::warn!(error = why, "the ledger cannot be sealed now; it is tried again each second");
            }
        }
        if now >= *self.since.get_or_insert(now) + TROUBLE_MS {
            let text = match error {
                StoreError::SealsGone { number } => say!(
                    ja: "台帳の封印 {number} が消えているか、別のものになっているため、封印を止めました。`owabi ledger verify` で確かめてください。",
                    en: "seal {number} of the ledger is gone or is another one: nothing more is sealed; look at `owabi ledger verify`"
                ),
                StoreError::SealsUnknown | StoreError::NoNote(_) => say!(
                    ja: "台帳の封印をデータベースの外に控えられないため、封印していません。`owabi check` で確かめてください。",
                    en: "the ledger is not sealed, because its seals are not noted outside of the database: look at `owabi check`"
                ),
                _ => say!(
                    ja: "データベースの不調で台帳を封印できません。直れば自動で封印します。",
                    en: "the ledger cannot be sealed while the database is in trouble; it is sealed as soon as that is over"
                ),
            };
            alerts.raise(Kind::SealTrouble, None, text);
        }
    }
}

/// The journal is a place outside the database: who keeps it finds seals that were taken off the end.
fn tell(sealer: &Sealer) {
    tracing::info!("{}", sealer.head());
}

#[cfg(test)]
mod tests;
