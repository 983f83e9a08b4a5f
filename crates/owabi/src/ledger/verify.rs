//! Checks a whole ledger: seal by seal, several pages at a time, in memory that does not grow with it (one octet a member
//! apart), then what stands outside it.

use super::beside::{Mismatch, Told, first_mismatch};
use super::leaves::{Leaves, read};
use super::loose::{self, Unexplained};
use super::standings::{Misplaced, Standings, Stands};
use crate::clock;
use owabi_core::ids::Keys;
use owabi_core::ledger::{Fault, Finding, Hash, Head, PublicKey, Ranges, Seal, SealFault, Verifier};
use owabi_store::{Store, StoreError};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Entries that are read by one task.
const GROUP: i64 = 8_192;
/// Tasks at a time.
const TASKS: usize = 3;
/// Seals that are read together.
const SEALS: i64 = 256;
/// Entries that are older have a seal where the ledger has a key (milliseconds).
const SEALED_MS: i64 = 60_000;
/// Members that are read together.
const MEMBERS: i64 = 5_000;
/// How long an entry may take to be sealed where commits come out of their order, and how often it is looked for.
const LATE: (u32, Duration) = (12, Duration::from_millis(500));
/// How often somebody is looked at again who was perhaps just being written.
const AGAIN: (u32, Duration) = (4, Duration::from_millis(400));

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bad {
    /// In the ledger itself.
    Sealed(Finding),
    /// Outside it.
    Beside(Mismatch),
    /// A member's status.
    Member(Misplaced),
    /// What no entry explains.
    Loose(Unexplained),
    /// The ledger was sealed, and no seal is there.
    SealsGone,
    /// Seals are there, and the database does not name their key any more.
    KeyGone,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The newest good seal.
    pub head: Head,
    /// Entries that were not sealed yet.
    pub unsealed: i64,
    /// The first thing that is wrong.
    pub first_bad: Option<Bad>,
}

/// An entry that was read.
struct Looked {
    seq: i64,
    leaf: Option<Hash>,
    member: Option<(i64, Stands)>,
    told: Option<Box<Told>>,
}

type Reading = JoinHandle<Result<Vec<Looked>, StoreError>>;

struct Check<'a> {
    store: Store,
    keys: Keys,
    verifier: Verifier,
    standings: Standings,
    told: Vec<Told>,
    /// Groups of seals whose entries are being read.
    reading: VecDeque<(Vec<Seal>, Reading)>,
    progress: &'a (dyn Fn(u64) + Sync),
    done: u64,
}

/// Checks the ledger of `store`. `expected` is a head that was noted outside; `progress` hears how many entries were looked at.
///
/// # Errors
/// `Unavailable`.
pub async fn check(
    store: &Store,
    keys: &Keys,
    key: PublicKey,
    expected: Option<Head>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Checked, StoreError> {
    let told_from = store.meta("statuses_told_from").await?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let queue = store.queue_id().await?;
    let (store, keys) = (store.clone(), keys.clone());
    let mut check = Check {
        store,
        keys,
        verifier: Verifier::new(&queue, key, expected),
        standings: Standings::new(told_from),
        told: Vec::new(),
        reading: VecDeque::new(),
        progress,
        done: 0,
    };
    check.run().await
}

impl Check<'_> {
    async fn run(&mut self) -> Result<Checked, StoreError> {
        let store = self.store.clone();
        let (checked, loose) = tokio::join!(self.told(), loose::first(&store));
        let mut checked = checked?;
        if checked.first_bad.is_none() {
            checked.first_bad = loose?.map(Bad::Loose);
        }
        Ok(checked)
    }

    /// All but what no entry explains.
    async fn told(&mut self) -> Result<Checked, StoreError> {
        let first = match self.sealed().await? {
            Some(finding) => Some(Bad::Sealed(finding)),
            None => match self.verifier.finish() {
                Err(finding) => Some(Bad::Sealed(finding)),
                Ok(head) if head.number == 0 && self.seals_gone().await? => Some(Bad::SealsGone),
                Ok(_) => self.unsealed_below().await?.map(Bad::Sealed),
            },
        };
        let high = self.verifier.covered().last().unwrap_or_default();
        let (unsealed, reached) = self.tail(high).await?;
        let first_bad = match first {
            Some(bad) => Some(bad),
            None => self.outside(reached).await?,
        };
        Ok(Checked { head: self.verifier.head(), unsealed, first_bad })
    }

    /// A ledger with a key is sealed within seconds: entries that are older than a minute had a seal.
    async fn seals_gone(&self) -> Result<bool, StoreError> {
        if self.store.meta("ledger_key").await?.is_none() {
            return Ok(false);
        }
        let first = self.store.ledger_among(&[(1, i64::MAX)], 1).await?.first().copied().unwrap_or_default();
        let entry = self.store.ledger_entries(first, first).await?.into_iter().next().and_then(|row| row.entry);
        Ok(entry.is_some_and(|entry| entry.at + SEALED_MS < clock::now_ms()))
    }

    /// All seals and their entries; the first finding.
    async fn sealed(&mut self) -> Result<Option<Finding>, StoreError> {
        let (mut group, mut entries) = (Vec::new(), 0);
        let mut bad_seal = None;
        'seals: loop {
            let stored = self.store.seals_after(self.verifier.head().number, SEALS).await?;
            for stored in &stored {
                match self.verifier.seal(stored) {
                    Ok(seal) => {
                        entries += seal.entries.count();
                        group.push(seal);
                    }
                    Err(finding) => {
                        bad_seal = Some(finding);
                        break 'seals;
                    }
                }
                if entries >= GROUP {
                    entries = 0;
                    if let Some(finding) = self.read(std::mem::take(&mut group)).await? {
                        return Ok(Some(finding));
                    }
                }
            }
            if stored.is_empty() {
                break;
            }
        }
        if !group.is_empty()
            && let Some(finding) = self.read(group).await?
        {
            return Ok(Some(finding));
        }
        while !self.reading.is_empty() {
            if let Some(finding) = self.compare_next().await? {
                return Ok(Some(finding));
            }
        }
        Ok(bad_seal)
    }

    /// Begins to read a group's entries; compares an earlier group when enough are being read.
    async fn read(&mut self, group: Vec<Seal>) -> Result<Option<Finding>, StoreError> {
        let mut ranges = Ranges::default();
        for seal in &group {
            // The verifier has refused seals that overlap.
            let _ = ranges.add(&seal.entries);
        }
        let (store, leaves) = (self.store.clone(), Leaves::new(self.keys.clone()));
        self.reading.push_back((group, tokio::spawn(look(store, leaves, ranges))));
        if self.reading.len() < TASKS { Ok(None) } else { self.compare_next().await }
    }

    async fn compare_next(&mut self) -> Result<Option<Finding>, StoreError> {
        let Some((group, reading)) = self.reading.pop_front() else { return Ok(None) };
        let looked = joined(reading).await?;
        for seal in &group {
            let found = found_of(seal, &looked);
            if Verifier::entries(seal, &found, None).is_err() {
                let kept = self.store.seal_leaves(seal.number).await?;
                return Ok(Verifier::entries(seal, &found, kept.as_deref()).err());
            }
        }
        self.take(looked);
        Ok(None)
    }

    fn take(&mut self, looked: Vec<Looked>) {
        self.done += looked.len() as u64;
        (self.progress)(self.done);
        for Looked { seq, member, told, .. } in looked {
            if let Some((member, stands)) = member {
                self.standings.take(seq, member, stands);
            }
            self.told.extend(told.map(|told| *told));
        }
    }

    /// An entry that stands before what is sealed and that no seal covers. Where commits come out of their order the next seals may.
    async fn unsealed_below(&mut self) -> Result<Option<Finding>, StoreError> {
        let mut looks = if self.store.is_shared() { LATE.0 } else { 0 };
        loop {
            let mut gaps = self.verifier.covered().gaps();
            gaps.push((i64::MIN, 0));
            let Some(seq) = self.store.ledger_among(&gaps, 1).await?.first().copied() else { return Ok(None) };
            if looks == 0 || seq < 1 {
                return Ok(Some(Finding::Entry { seq, fault: Fault::Inserted }));
            }
            looks -= 1;
            tokio::time::sleep(LATE.1).await;
            if let Some(finding) = self.sealed().await? {
                return Ok(Some(finding));
            }
        }
    }

    /// The entries after `from`, which are not sealed yet: how many, and up to which number.
    async fn tail(&mut self, from: i64) -> Result<(i64, i64), StoreError> {
        let newest = self.store.ledger_newest().await?;
        if newest <= from {
            return Ok((0, from));
        }
        let (mut count, mut first) = (0, from + 1);
        while first <= newest {
            let last = newest.min(first + GROUP - 1);
            let ranges = Ranges::of(first..=last);
            let looked = look(self.store.clone(), Leaves::new(self.keys.clone()), ranges).await?;
            count += i64::try_from(looked.len()).unwrap_or(i64::MAX);
            self.take(looked);
            first = last + 1;
        }
        Ok((count, newest))
    }

    /// What stands outside. Whoever is just being written is looked at again, after the entries that came meanwhile.
    async fn outside(&mut self, mut reached: i64) -> Result<Option<Bad>, StoreError> {
        let mut looks = AGAIN.0;
        let mut misplaced = self.misplaced().await?;
        loop {
            let rows = self.store.beside_the_ledger().await?;
            let mismatch = first_mismatch(&self.told, &rows);
            if mismatch.is_none() && misplaced.is_empty() {
                return Ok(None);
            }
            if looks == 0 {
                return Ok(mismatch.map(Bad::Beside).or_else(|| misplaced.into_iter().next().map(Bad::Member)));
            }
            looks -= 1;
            let quiet = self.tail(reached).await?;
            if quiet.0 == 0 && looks > 1 {
                looks = 1;
            }
            reached = quiet.1;
            tokio::time::sleep(AGAIN.1).await;
            misplaced = self.still(misplaced).await?;
        }
    }

    /// The members whose rows say something else than the ledger; the first thousand.
    async fn misplaced(&self) -> Result<Vec<Misplaced>, StoreError> {
        let (mut found, mut after) = (Vec::new(), i64::MIN);
        loop {
            let rows = self.store.member_places(after, MEMBERS).await?;
            let Some(last) = rows.last() else { return Ok(found) };
            after = last.id;
            found.extend(rows.iter().filter_map(|row| self.standings.misplaced(row)));
            if found.len() >= 1_000 {
                return Ok(found);
            }
        }
    }

    async fn still(&self, misplaced: Vec<Misplaced>) -> Result<Vec<Misplaced>, StoreError> {
        let mut still = Vec::new();
        for one in misplaced {
            let row = self.store.member_places(one.id.saturating_sub(1), 1).await?.into_iter().next();
            still.extend(row.filter(|row| row.id == one.id).and_then(|row| self.standings.misplaced(&row)));
        }
        Ok(still)
    }
}

/// Reads entries and makes their leaves.
async fn look(store: Store, mut leaves: Leaves, ranges: Ranges) -> Result<Vec<Looked>, StoreError> {
    let rows = read(&store, ranges.as_slice()).await?;
    let looked = |row: owabi_store::LedgerRow| {
        let entry = row.entry.as_ref();
        let member = entry.and_then(|entry| entry.member_id.map(|id| (id, Stands::of(entry))));
        let told = entry.and_then(Told::of).map(Box::new);
        Looked { seq: row.seq, leaf: leaves.of(row), member, told }
    };
    Ok(rows.into_iter().map(looked).collect())
}

/// The entries of a seal's ranges, of a group's that stand in their order.
fn found_of(seal: &Seal, looked: &[Looked]) -> Vec<(i64, Option<Hash>)> {
    let of_range = |(first, last): &(i64, i64)| {
        let from = looked.partition_point(|entry| entry.seq < *first);
        let to = looked.partition_point(|entry| entry.seq <= *last);
        looked[from..to].iter().map(|entry| (entry.seq, entry.leaf))
    };
    seal.entries.as_slice().iter().flat_map(of_range).collect()
}

async fn joined(reading: Reading) -> Result<Vec<Looked>, StoreError> {
    match reading.await {
        Ok(looked) => looked,
        Err(error) => Err(StoreError::Damaged(error.to_string())),
    }
}

impl Bad {
    /// Its word in `--json`.
    pub fn fault(&self) -> &'static str {
        match self {
            Self::Sealed(Finding::Entry { fault, .. }) => fault.as_str(),
            Self::Sealed(Finding::Among { .. }) => Fault::Changed.as_str(),
            Self::Sealed(Finding::Seal { fault, .. }) => SealFault::as_str(*fault),
            Self::Beside(_) => "differs",
            Self::Member(_) => "status_differs",
            Self::Loose(found) => found.sort.as_str(),
            Self::SealsGone => "seals_gone",
            Self::KeyGone => "key_gone",
        }
    }
}
