//! What comes back after the relay's 250: bounces from a Maildir, an IMAP mailbox or a pipe, and the relay's own log.
//!
//! A source hands over what arrived and moves it only after the answer: what was recorded twice changes nothing.

mod counted;
mod decide;
pub(crate) mod find;
pub(crate) mod imap;
mod intake;
mod item;
pub(crate) mod journal;
pub(crate) mod maildir;
pub(crate) mod maillog;
mod matching;
mod patience;
pub(crate) mod sources;
#[cfg(test)]
mod tests;
mod troubles;

pub(crate) use counted::{Counted, Failed};
pub(crate) use intake::Intake;
pub use troubles::Troubles;

use owabi_core::maillog::LogEvidence;

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
    /// Nobody's, or no bounce: kept whole for a person to look at.
    Review,
    /// An auto-reply, a forged token, another program's log line: counted.
    Ignored,
}

/// Arrivals that are taken together.
pub(crate) const BATCH: usize = 100;
