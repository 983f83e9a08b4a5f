//! The mails that were taken, in memory.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::envelope::Envelope;
use super::options::Keep;

/// One mail that the relay took.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Sender, recipients and their parameters.
    pub envelope: Envelope,
    /// The message exactly as sent, without dot-stuffing and final dot; empty with [`Keep::Hashes`].
    pub bytes: Bytes,
    /// Its length in octets.
    pub size: usize,
    /// SHA-256 of the message.
    pub sha256: [u8; 32],
    /// The connection it came on, counted from 1.
    pub connection: u64,
    /// The queue id that the reply named.
    pub queue_id: String,
    /// When the mail was complete, since the relay started.
    pub at: Duration,
    /// Whether it came under TLS.
    pub tls: bool,
    /// The user of AUTH.
    pub user: Option<String>,
    /// Where it was written.
    pub path: Option<PathBuf>,
}

impl Captured {
    /// The envelope sender.
    pub fn mail_from(&self) -> &str {
        &self.envelope.mail_from
    }

    /// The envelope recipients.
    pub fn rcpt_to(&self) -> Vec<&str> {
        self.envelope.rcpt_to()
    }

    /// SHA-256 of the message in lower-case hexadecimal.
    pub fn sha256_hex(&self) -> String {
        self.sha256.iter().fold(String::new(), |mut text, byte| {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// One command line that the relay read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCommand {
    /// The connection it came on, counted from 1.
    pub connection: u64,
    /// The line without its CRLF.
    pub line: String,
}

/// Bounded memory of mails and commands.
pub(super) struct Records {
    keep: Keep,
    keep_commands: usize,
    mails: VecDeque<Captured>,
    commands: VecDeque<SeenCommand>,
    deliveries: HashMap<String, u64>,
}

impl Records {
    pub(super) fn new(keep: Keep, keep_commands: usize) -> Self {
        let (mails, commands, deliveries) = Default::default();
        Self { keep, keep_commands, mails, commands, deliveries }
    }

    pub(super) fn add(&mut self, mut mail: Captured) {
        if self.keep != Keep::Nothing {
            for recipient in &mail.envelope.recipients {
                *self.deliveries.entry(recipient.address.clone()).or_default() += 1;
            }
        }
        let limit = match self.keep {
            Keep::Mails(limit) => limit,
            Keep::Hashes(limit) => {
                mail.bytes = Bytes::new();
                limit
            }
            Keep::Counts | Keep::Nothing => 0,
        };
        push_bounded(&mut self.mails, mail, limit);
    }

    pub(super) fn add_command(&mut self, connection: u64, line: &str) {
        let command = SeenCommand { connection, line: line.to_owned() };
        push_bounded(&mut self.commands, command, self.keep_commands);
    }

    pub(super) fn mails(&self) -> Vec<Captured> {
        self.mails.iter().cloned().collect()
    }

    pub(super) fn commands(&self) -> Vec<SeenCommand> {
        self.commands.iter().cloned().collect()
    }

    pub(super) fn deliveries(&self) -> HashMap<String, u64> {
        self.deliveries.clone()
    }

    pub(super) fn clear(&mut self) {
        self.mails.clear();
        self.commands.clear();
        self.deliveries.clear();
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, limit: usize) {
    if limit == 0 {
        return;
    }
    if queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(item);
}
