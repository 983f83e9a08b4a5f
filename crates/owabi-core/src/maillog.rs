//! What a Postfix mail log says about our mails, line by line (postfix-script, cleanup(8), qmgr(8), smtp(8), bounce(8)).
//! Pure: lines in, evidence out.

mod delivery;
mod known;
mod line;

use crate::bounce::Class;
use crate::ids::hex;
use delivery::Delivery;
use known::Known;
use line::Line;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the relay's log says about one mail in its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvidence {
    /// Names this evidence for ever: SHA-256 of the line, lower-case hexadecimal. Reading it twice changes nothing.
    pub sha256: String,
    /// The relay's queue id.
    pub queue_id: String,
    /// The mail's Message-ID without angle brackets, when the log said it (cleanup).
    pub message_id: Option<String>,
    /// The recipient as first given (`orig_to`, else `to`). `None` for [`LogEvent::Taken`], for what the queue manager,
    /// `cleanup` or `postsuper` say of the whole mail, and for an empty address.
    pub recipient: Option<String>,
    /// What happened.
    pub event: LogEvent,
    /// The enhanced status code (`dsn=`).
    pub status: Option<String>,
    /// What the log says in words, at most 1,000 characters.
    pub text: String,
    /// Epoch milliseconds, where the line says its year and zone (RFC 3339, journald).
    pub at: Option<i64>,
}

/// What happened to a mail in the relay's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogEvent {
    /// It is in the relay's queue (qmgr, `queue active`), or went from there into another queue of the same host (a content
    /// filter, an alias): the relay took it.
    Taken,
    /// `status=sent|bounced|deferred|expired`: `Delivered`, `Permanent` (also when given up after 4.x.x: `Temporary` and final),
    /// `Temporary`. What an administrator deleted (`postsuper -d`) was given up as well; what is thrown away by configuration
    /// (discard(8), DISCARD, a milter) is `Permanent`, although the log calls it sent: nobody will ever see it.
    Delivery {
        /// What became of it.
        class: Class,
        /// Nothing more will come of it.
        is_final: bool,
        /// Handed to another host (smtp), not put into a mailbox (local, virtual, lmtp, pipe).
        relayed: bool,
    },
}

/// A longer line is cut here before it is read.
pub const LONGEST_LINE: usize = 64 << 10;
/// Characters of [`LogEvidence::text`].
const LONGEST_TEXT: usize = 1_000;
/// Mails in the queue whose Message-IDs are remembered.
const REMEMBERED: usize = 100_000;

/// Reads a log, line by line, in the order in which it was written.
///
/// Each line stands for itself but for two things that are remembered from earlier lines, for the 100,000 newest mails that
/// are still in the queue: the Message-ID, which `cleanup` says once, and that a mail was taken already, since `qmgr` says
/// `queue active` again for each later try. This is not kept over a restart. Whoever starts in the middle of a log first
/// feeds what was written just before and drops the evidence; of a mail that is older still the evidence comes with its queue
/// id alone (`message_id: None`), and that it was taken may be said once more. Handing over evidence twice is harmless: its
/// hash is the same.
///
/// # What is not a delivery although the log says `sent`
///
/// A mail that goes through a content filter, or that an alias sends on, is handed to another queue of the same host and
/// leaves it under another queue id with the same Message-ID. Had the first `sent` been counted, a member whose mail failed
/// afterwards would have been shown as delivered in between. So these are [`LogEvent::Taken`]:
///
/// - `smtp` or `lmtp`, where the reply says `queued as ID` and either this log has seen ID with the same Message-ID, or the
///   other side is this host (a loopback address, `localhost`, a socket in the file system);
/// - `local` with `forwarded as ID`.
///
/// A server on a loopback address that does not say `queued as` counts as any other host. A filter behind `pipe` cannot be told
/// from a mailbox behind `pipe`: what it gives back fails or is delivered under its own queue id, and a later failure counts.
#[derive(Debug)]
pub struct Log {
    known: Known,
}

impl Default for Log {
    fn default() -> Self {
        Self::remembering(REMEMBERED)
    }
}

impl Log {
    /// Remembers at most the `most` newest mails in the queue instead of 100,000.
    pub fn remembering(most: usize) -> Self {
        Self { known: Known::new(most) }
    }

    /// Reads one line (with or without its end) and says what it tells of a mail, if anything. `at` (epoch milliseconds) is
    /// when it was written, where the caller knows better than the line.
    pub fn line(&mut self, line: &[u8], at: Option<i64>) -> Option<LogEvidence> {
        let whole = line.trim_ascii_end();
        let line = Line::split(&whole[..whole.len().min(LONGEST_LINE)])?;
        let said = self.read(&line)?;
        Some(LogEvidence {
            sha256: hex(&Sha256::digest(whole)),
            queue_id: line.queue_id.to_owned(),
            message_id: self.known.message_id(line.queue_id).map(str::to_owned),
            recipient: said.recipient,
            event: said.event,
            status: said.status,
            text: said.text,
            at: at.or_else(|| line.at()),
        })
    }

    fn read(&mut self, line: &Line<'_>) -> Option<Said> {
        if let Some(delivery) = Delivery::read(line) {
            return self.delivery(line, &delivery);
        }
        match line.agent {
            b"cleanup" => self.cleanup(line),
            b"smtpd" => thrown_away(line),
            b"qmgr" | b"oqmgr" | b"nqmgr" => self.queue_manager(line),
            b"postsuper" if line.said == b"removed" => Some(self.deleted(line)),
            _ => None,
        }
    }

    fn delivery(&self, line: &Line<'_>, delivery: &Delivery<'_>) -> Option<Said> {
        let mut said = delivery.judge(line.agent)?;
        let delivered = matches!(said.event, LogEvent::Delivery { class: Class::Delivered, .. });
        if delivered && self.stays_here(line, delivery) {
            (said.event, said.recipient) = (LogEvent::Taken, None);
        }
        Some(said)
    }

    fn stays_here(&self, line: &Line<'_>, delivery: &Delivery<'_>) -> bool {
        let same_mail = |id: &str| {
            let message_id = self.known.message_id(line.queue_id);
            message_id.is_some() && id != line.queue_id && self.known.message_id(id) == message_id
        };
        match line.agent {
            b"smtp" | b"lmtp" => delivery.queued_as().is_some_and(|id| delivery.to_this_host() || same_mail(&id)),
            b"local" => delivery.is_forwarded(),
            _ => false,
        }
    }

    fn cleanup(&mut self, line: &Line<'_>) -> Option<Said> {
        let Some(field) = line.said.strip_prefix(b"message-id=") else { return thrown_away(line) };
        self.known.named(line.queue_id, line::message_id(field));
        None
    }

    fn queue_manager(&mut self, line: &Line<'_>) -> Option<Said> {
        if line.said == b"removed" {
            self.known.gone(line.queue_id);
            return None;
        }
        // The sender stands between `<` and the last `>, `, whatever it looks like.
        let sender = line.said.strip_prefix(b"from=<")?;
        let rest = &sender[memmem::rfind(sender, b">, ")? + b">, ".len()..];
        if rest.ends_with(b"(queue active)") {
            return self.known.first_taken(line.queue_id).then(|| Said::of_the_mail(LogEvent::Taken, rest));
        }
        let status = rest.strip_prefix(b"status=")?;
        let expired = status.starts_with(b"expired") || status.starts_with(b"force-expired");
        expired.then(|| Said::of_the_mail(GIVEN_UP, status))
    }

    fn deleted(&mut self, line: &Line<'_>) -> Said {
        self.known.gone(line.queue_id);
        Said::of_the_mail(GIVEN_UP, b"removed from the queue by hand (postsuper)")
    }
}

const GIVEN_UP: LogEvent = LogEvent::Delivery { class: Class::Temporary, is_final: true, relayed: false };
const THROWN_AWAY: LogEvent = LogEvent::Delivery { class: Class::Permanent, is_final: true, relayed: false };

/// DISCARD in an access table or in header checks, or a milter's: the client heard 250.
fn thrown_away(line: &Line<'_>) -> Option<Said> {
    let discarded = line.said.starts_with(b"discard: ") || line.said.starts_with(b"milter-discard: ");
    discarded.then(|| Said::of_the_mail(THROWN_AWAY, line.said))
}

/// The part of the evidence that the words after the queue id say.
struct Said {
    recipient: Option<String>,
    event: LogEvent,
    status: Option<String>,
    text: String,
}

impl Said {
    fn of_the_mail(event: LogEvent, words: &[u8]) -> Self {
        Self { recipient: None, event, status: None, text: text(words) }
    }
}

fn text(words: &[u8]) -> String {
    // Four octets are the longest character.
    let words = &words[..words.len().min(4 * LONGEST_TEXT)];
    String::from_utf8_lossy(words).chars().take(LONGEST_TEXT).collect()
}
