//! What comes back after the relay's 250: bounces from a Maildir, an IMAP mailbox or a pipe, and the relay's own log.
//!
//! A source hands over what arrived and moves it only after the answer: what was recorded twice changes nothing.

pub(crate) mod journal;
pub(crate) mod maillog;

use owabi_core::maillog::LogEvidence;
use owabi_store::{Store, StoreError};

/// One thing that arrived.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    /// A mail at the bounce address.
    Mail(IncomingMail),
    /// A line of the relay's log.
    Log(LogEvidence),
}

/// A mail, as it lies in a mailbox.
#[derive(Clone, Debug, Default)]
pub(crate) struct IncomingMail {
    /// Its octets; at most [`LARGEST`], and then `whole_size` says how many there were.
    pub(crate) raw: Vec<u8>,
    /// The envelope recipient, where the source knows it (pipe).
    pub(crate) to: Option<String>,
    /// Octets of the whole mail.
    pub(crate) whole_size: u64,
}

/// A longer mail is read up to here.
pub(crate) const LARGEST: u64 = 10 << 20;

/// What became of it; durable when it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It speaks of a member, and that is recorded.
    Matched,
    /// It speaks of a mail whose own outcome is not recorded yet: kept, and matched later.
    Parked,
    /// Nobody's: kept whole for a person to look at.
    Review,
    /// An auto-reply, a complaint, a forged token, another program's log line: counted.
    Ignored,
}

/// Where arrivals are matched and recorded.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    store: Store,
}

impl Intake {
    /// Reads, matches and records what arrived from `source`; the verdicts are in the order of the arrivals. At most
    /// [`BATCH`] at once.
    ///
    /// # Errors
    /// `Unavailable`: nothing is recorded; hand the same over again.
    pub(crate) async fn take(&self, source: &str, arrivals: Vec<Arrival>) -> Result<Vec<Verdict>, StoreError> {
        let _ = (&self.store, source);
        Ok(arrivals.iter().map(|_| Verdict::Ignored).collect())
    }

    /// Says that everything that had arrived by `began_at` (epoch milliseconds) was taken: a mail in doubt is not sent
    /// again before its sources were looked at.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn looked(&self, source: &str, began_at: i64) -> Result<(), StoreError> {
        let _ = (&self.store, source, began_at);
        Ok(())
    }

    /// Says that a source cannot be read, for status, health and the log (once, until it works again). `what` has no addresses.
    pub(crate) fn trouble(&self, source: &str, what: &str) {
        let _ = (&self.store, source, what);
    }

    /// Where a source that is read from some place on left off; `None`: never read.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn position(&self, source: &str) -> Result<Option<String>, StoreError> {
        let _ = (&self.store, source);
        Ok(None)
    }

    /// Remembers a position; after `take`, never before.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn remember(&self, source: &str, position: &str) -> Result<(), StoreError> {
        let _ = (&self.store, source, position);
        Ok(())
    }
}

/// Arrivals that are taken together.
pub(crate) const BATCH: usize = 100;
