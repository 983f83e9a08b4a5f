//! What one look at a source did, or why it could not.

use super::{Intake, Verdict};
use crate::dispatch::harmless;
use owabi_store::StoreError;
use std::io;

/// What a pass over a source did with what lay there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Recorded for a member.
    pub(crate) matched: u64,
    /// Recorded, and waiting for the outcome of its mail.
    pub(crate) parked: u64,
    /// Recorded for a person to look at.
    pub(crate) review: u64,
    /// Of no interest.
    pub(crate) ignored: u64,
    /// Could not be read, and stays where it lies: not taken.
    pub(crate) unreadable: u64,
    /// Taken, but could not be moved: it is taken again by the next pass, which changes nothing.
    pub(crate) unmoved: u64,
}

impl Counted {
    pub(crate) fn add(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Matched => &mut self.matched,
            Verdict::Parked => &mut self.parked,
            Verdict::Review => &mut self.review,
            Verdict::Ignored => &mut self.ignored,
        } += 1;
    }

    /// The two together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            matched: self.matched + other.matched,
            parked: self.parked + other.parked,
            review: self.review + other.review,
            ignored: self.ignored + other.ignored,
            unreadable: self.unreadable + other.unreadable,
            unmoved: self.unmoved + other.unmoved,
        }
    }

    /// What was handed over and recorded.
    pub(crate) fn taken(&self) -> u64 {
        self.matched + self.parked + self.review + self.ignored
    }

    /// Says for the log what was taken, if anything.
    pub(crate) fn tell(&self, source: &str) {
        let Self { matched, parked, review, ignored, .. } = self;
        if self.taken() > 0 {
            tracing::info!(source, matched, parked, review, ignored, "receipts were read");
        }
    }
}

/// Why a source could not be looked at to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// Nothing could be recorded; the source is as it was.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source cannot be read. What, and what to do; no addresses, no passwords.
    #[error("{0}")]
    Source(String),
}

/// A log that cannot be read.
impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Source(format!("the log cannot be read: {error}"))
    }
}

impl Failed {
    /// Tells the intake, where it does not know yet: that the database is away is said elsewhere.
    pub(crate) fn tell(&self, intake: &Intake, source: &str) {
        intake.beat();
        match self {
            Self::Store(error @ StoreError::Unavailable(_)) => {
                tracing::debug!(source, error = harmless(error), "nothing can be recorded");
            }
            Self::Store(_) | Self::Source(_) => intake.trouble(source, &self.harmless()),
        }
    }

    /// In words for the log and for status: a database quotes rows, and so addresses, in what it refuses.
    fn harmless(&self) -> String {
        match self {
            Self::Store(error) => harmless(error),
            Self::Source(what) => what.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::say::Text;

    #[test]
    fn what_a_row_holds_is_not_told_as_a_trouble_of_a_source() {
        let row = StoreError::Row { id: 7, what: Text::same("taro@example.test is no member") };
        assert_eq!(Failed::Store(row).harmless(), "row 7 cannot be read");
        assert_eq!(Failed::Source("no file".to_owned()).harmless(), "no file");
    }
}
