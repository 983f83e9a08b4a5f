//! A relay that returns what it cannot deliver, as that of a real sender does: a private Postfix, Exim or OpenSMTPD, all
//! with the same outward manner. In one direction they lead to the members' domains:
//!
//! - `member.test`: `ok…` is delivered; anybody else is accepted at first and then comes back with 5.1.1
//! - `full.test`: comes back with 5.2.2
//! - `later.test`: 4.2.2 again and again; a notice of the delay after 5 seconds, and it comes back after 20
//! - `mx.test`: the scripted exchanger decides
//!
//! In the other direction all of `sender.test` is one Maildir. Every other domain comes back with 5.4.4: nothing can
//! leave the machine.

use super::keeper::SAID;
use super::servers::{text_of, wait};
use std::path::PathBuf;
use std::time::Duration;

/// A running one. Dropping it stops it and removes its directory.
pub(crate) struct Relay {
    pub(super) folder: PathBuf,
    pub(super) port: u16,
    /// Where its log is in the folder.
    pub(super) maillog: &'static str,
    /// What ends the server when it is dropped.
    pub(super) _server: Box<dyn Send + Sync>,
}

impl Relay {
    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The Maildir of `sender.test`: what comes back.
    pub(crate) fn bounces(&self) -> PathBuf {
        self.folder.join(BOUNCES)
    }

    /// The Maildir of the members whose names begin with `ok`.
    pub(crate) fn members(&self) -> PathBuf {
        self.folder.join(MEMBERS)
    }

    /// The file of its log.
    pub(crate) fn maillog(&self) -> PathBuf {
        self.folder.join(self.maillog)
    }
}

pub(super) const BOUNCES: &str = "mail/bounces";
pub(super) const MEMBERS: &str = "mail/members";

/// Starts a server until it answers. Another process may take its free port before it does: then the next one is tried.
pub(super) fn insist(name: &str, try_start: impl Fn() -> Relay, answers: impl Fn(&Relay) -> bool) -> Relay {
    let tried = (0..5).map(|_| try_start()).find(|relay| {
        let is_up = wait(Duration::from_secs(10), || answers(relay));
        if !is_up {
            eprintln!("{name}: {}{}", text_of(&relay.maillog()), text_of(&relay.folder.join(SAID)));
        }
        is_up
    });
    tried.unwrap_or_else(|| panic!("{name} did not start in five tries"))
}
