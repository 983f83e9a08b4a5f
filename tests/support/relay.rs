//! A relay that returns what it cannot deliver, as that of a real sender does: a private Postfix, Exim or OpenSMTPD, all
//! with the same outward manner. In one direction they lead to the members' domains:
//!
//! - `member.test`: `ok…` is delivered; anybody else is accepted at first and then comes back with 5.1.1
//! - `full.test`: comes back with 5.2.2
//! - `later.test`: 4.2.2 again and again; a notice of the delay comes within some 5 seconds, and the mail itself after 20
//! - `mx.test`: the scripted exchanger decides
//!
//! In the other direction all of `sender.test` is one Maildir. Every other domain comes back with 5.4.4: nothing can
//! leave the machine.

use super::keeper::Keeper;
use super::servers::text_of;
use std::path::PathBuf;

/// A running one. Dropping it stops it and removes its directory.
pub(crate) struct Relay {
    pub(super) keeper: Keeper,
    pub(super) port: u16,
    /// Where its log is in the keeper's folder.
    pub(super) maillog: &'static str,
}

impl Relay {
    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The Maildir of `sender.test`: what comes back.
    pub(crate) fn bounces(&self) -> PathBuf {
        self.keeper.folder().join(BOUNCES)
    }

    /// The Maildir of the members whose names begin with `ok`.
    pub(crate) fn members(&self) -> PathBuf {
        self.keeper.folder().join(MEMBERS)
    }

    /// The file of its log.
    pub(crate) fn maillog(&self) -> PathBuf {
        self.keeper.folder().join(self.maillog)
    }

    /// Its log and whatever else it has said.
    pub(super) fn said(&self) -> String {
        text_of(&self.maillog()) + &self.keeper.said()
    }
}

pub(super) const BOUNCES: &str = "mail/bounces";
pub(super) const MEMBERS: &str = "mail/members";
