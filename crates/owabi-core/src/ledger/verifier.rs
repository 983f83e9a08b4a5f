//! Checks a ledger, seal by seal, and names the first thing that is wrong.

use super::head::Head;
use super::key::PublicKey;
use super::merkle::{Hash, Tree};
use super::ranges::Ranges;
use super::seal::{NO_SEAL, Seal, StoredSeal};

/// The first thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An entry of the ledger, or the row that it names.
    Entry {
        /// Its number.
        seq: i64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// An entry among those from `first` to `last` was changed, and so was what would tell which.
    Among {
        /// The seal's number.
        seal: i64,
        /// The first entry that the seal covers.
        first: i64,
        /// The last.
        last: i64,
    },
    /// A seal.
    Seal {
        /// Its number.
        number: i64,
        /// What is wrong with it.
        fault: SealFault,
    },
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It, or the row that it names, does not say what was sealed.
    Changed,
    /// It was sealed and is not there.
    Missing,
    /// The row that it names is not there.
    RowGone,
    /// It stands before what is sealed, and no seal covers it.
    Inserted,
}

/// What is wrong with a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealFault {
    /// It is not what was signed.
    Changed,
    /// It is not there, and later ones are.
    Missing,
    /// It is signed with another key.
    WrongKey,
    /// It is signed, but does not follow the seal before it.
    ChainBroken,
    /// It is signed, but covers an entry that an earlier seal covers.
    Overlaps,
    /// It is not the one that the expected head names.
    NotTheHead,
    /// The expected head names it, and it and all after it are not there.
    CutOff,
}

impl Fault {
    /// Its word in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::RowGone => "row_gone",
            Self::Inserted => "inserted",
        }
    }
}

impl SealFault {
    /// Its word in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "seal_changed",
            Self::Missing => "seal_missing",
            Self::WrongKey => "wrong_key",
            Self::ChainBroken => "chain_broken",
            Self::Overlaps => "overlaps",
            Self::NotTheHead => "not_the_head",
            Self::CutOff => "cut_off",
        }
    }
}

/// Where a check stands: all seals up to `number` are good.
#[derive(Clone, Debug)]
pub struct Verifier {
    queue: String,
    key: PublicKey,
    expected: Option<Head>,
    number: i64,
    at: i64,
    previous: Hash,
    covered: Ranges,
}

impl Verifier {
    /// Begins with the first seal of this queue. `expected` is a head that was noted outside.
    pub fn new(queue: &str, key: PublicKey, expected: Option<Head>) -> Self {
        let queue = queue.to_owned();
        Self { queue, key, expected, number: 0, at: 0, previous: NO_SEAL, covered: Ranges::default() }
    }

    /// Takes the next seal. What it says is good when its entries are, too.
    ///
    /// # Errors
    /// The finding; nothing more can be checked then.
    pub fn seal(&mut self, stored: &StoredSeal) -> Result<Seal, Finding> {
        let number = self.number + 1;
        if stored.number > number {
            return Err(Finding::Seal { number, fault: SealFault::Missing });
        }
        let seal = self.genuine(stored).map_err(|fault| Finding::Seal { number, fault })?;
        let hash = Seal::hash_of(&stored.text);
        if self.expected.as_ref().is_some_and(|head| head.number == number && head.hash != hash) {
            return Err(Finding::Seal { number, fault: SealFault::NotTheHead });
        }
        self.covered.add(&seal.entries).map_err(|_| Finding::Seal { number, fault: SealFault::Overlaps })?;
        (self.number, self.at, self.previous) = (number, seal.at, hash);
        Ok(seal)
    }

    fn genuine(&self, stored: &StoredSeal) -> Result<Seal, SealFault> {
        let seal = stored.read().map_err(|_| SealFault::Changed)?;
        if seal.number != self.number + 1 {
            return Err(SealFault::Changed);
        }
        if seal.key != self.key.id() {
            return Err(SealFault::WrongKey);
        }
        if !self.key.verifies(&stored.text, &stored.signature) {
            return Err(SealFault::Changed);
        }
        if seal.previous != self.previous || seal.queue != self.queue {
            return Err(SealFault::ChainBroken);
        }
        Ok(seal)
    }

    /// Looks whether a good seal's entries are what was sealed. `found` are those of its ranges that are there, ascending, with
    /// their leaves, or without when the row that one names is not there. `kept` are the leaves as they were when it was
    /// sealed: they tell which entry was changed, as far as they are themselves what was sealed.
    ///
    /// # Errors
    /// The first finding.
    pub fn entries(seal: &Seal, found: &[(i64, Option<Hash>)], kept: Option<&[Hash]>) -> Result<(), Finding> {
        let kept = kept.filter(|kept| kept.iter().copied().collect::<Tree>().root() == seal.root);
        let mut tree = Tree::default();
        let mut found = found.iter();
        for (at, seq) in seal.entries.numbers().enumerate() {
            let fault = match found.next() {
                Some((there, Some(leaf))) if *there == seq => {
                    tree.push(*leaf);
                    kept.is_some_and(|kept| kept.get(at) != Some(leaf)).then_some(Fault::Changed)
                }
                Some((there, None)) if *there == seq => Some(Fault::RowGone),
                _ => Some(Fault::Missing),
            };
            if let Some(fault) = fault {
                return Err(Finding::Entry { seq, fault });
            }
        }
        if tree.root() == seal.root {
            return Ok(());
        }
        let (first, last) = (seal.entries.first().unwrap_or_default(), seal.entries.last().unwrap_or_default());
        Err(if first == last {
            Finding::Entry { seq: first, fault: Fault::Changed }
        } else {
            Finding::Among { seal: seal.number, first, last }
        })
    }

    /// Ends the check: nothing may be missing that the expected head names.
    ///
    /// # Errors
    /// The first seal that is missing.
    pub fn finish(&self) -> Result<Head, Finding> {
        let reaches = self.expected.as_ref().is_none_or(|head| head.number <= self.number);
        if !reaches {
            return Err(Finding::Seal { number: self.number + 1, fault: SealFault::CutOff });
        }
        Ok(self.head())
    }

    /// The newest good seal.
    pub fn head(&self) -> Head {
        let (queue, key) = (self.queue.clone(), self.key.id());
        Head { queue, number: self.number, at: self.at, entries: self.covered.count(), hash: self.previous, key }
    }

    /// The entries that the seals cover.
    pub fn covered(&self) -> &Ranges {
        &self.covered
    }
}

#[cfg(test)]
mod tests;
