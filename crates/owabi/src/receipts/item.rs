//! One arrival, read: what it is, what it says, and by what its member can be found.

use super::{Arrival, IncomingMail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use owabi_core::bounce::{self, Class, Kind, Reading, Reason, Report};
use owabi_core::ids::{hex, named_row, token_of};
use owabi_core::maillog::{LogEvent, LogEvidence};
use owabi_core::receipt::Says;
use owabi_store::ArrivalRow;
use sha2::{Digest, Sha256};

/// An arrival with its name.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) sha256: String,
    pub(super) source: String,
    /// It was kept: parked, or in review.
    pub(super) is_kept: bool,
    pub(super) what: What,
}

/// What arrived, read.
#[derive(Clone, Debug)]
pub(super) enum What {
    Mail(IncomingMail, Box<Reading>),
    Log(LogEvidence),
}

/// One thing that an arrival says of somebody.
#[derive(Clone, Debug)]
pub(super) struct Word<'a> {
    pub(super) says: Says,
    pub(super) recipient: Option<&'a str>,
    pub(super) original: Option<&'a str>,
    pub(super) status: Option<&'a str>,
    pub(super) reason: Reason,
    pub(super) detail: Option<&'a str>,
}

/// By what the member can be found, the surest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Clues<'a> {
    pub(super) tokens: Vec<&'a str>,
    pub(super) envid: Option<&'a str>,
    pub(super) message_ids: Vec<&'a str>,
    pub(super) queue_id: Option<&'a str>,
}

impl Clues<'_> {
    /// The rows that they name, ours or not.
    pub(super) fn rows(&self) -> impl Iterator<Item = i64> + '_ {
        let left = |id: &&str| id.split('@').next().and_then(named_row);
        let named = self.tokens.iter().copied().chain(self.envid).filter_map(named_row);
        named.chain(self.message_ids.iter().filter_map(left))
    }
}

impl Item {
    /// Reads an arrival. A mail of some megabytes takes milliseconds: not on a runtime's thread.
    pub(super) fn read(arrival: Arrival, source: &str) -> Self {
        let source = source.to_owned();
        match arrival {
            Arrival::Mail(mail) => {
                let sha256 = mail_sha256(&mail.raw);
                let reading = Box::new(read_or_nothing(&mail.raw));
                Self { sha256, source, is_kept: false, what: What::Mail(mail, reading) }
            }
            Arrival::Log(line) => Self { sha256: line.sha256.clone(), source, is_kept: false, what: What::Log(line) },
        }
    }

    /// Reads what was kept; `None` when it cannot be read any more.
    pub(super) fn kept(row: ArrivalRow) -> Option<Self> {
        let content = row.content?;
        let arrival = if row.kind == "log" {
            Arrival::Log(serde_json::from_str(&content).ok()?)
        } else {
            let (raw, whole_size) = (STANDARD.decode(content).ok()?, row.size.unsigned_abs());
            Arrival::Mail(IncomingMail { raw, to: row.envelope_to, whole_size })
        };
        Some(Self { sha256: row.sha256, is_kept: true, ..Self::read(arrival, &row.source) })
    }

    /// The word for what it is.
    pub(super) fn kind(&self) -> &'static str {
        match &self.what {
            What::Log(_) => "log",
            What::Mail(_, reading) => match reading.kind {
                Kind::Bounce => "bounce",
                Kind::AutoReply => "auto_reply",
                Kind::Complaint => "complaint",
                Kind::Other => "other",
            },
        }
    }

    pub(super) fn reported_at(&self) -> Option<i64> {
        match &self.what {
            What::Mail(_, reading) => reading.dated_at,
            What::Log(line) => line.at,
        }
    }

    /// The relay's name for the mail, from its log.
    pub(super) fn queue_id(&self) -> Option<&str> {
        match &self.what {
            What::Mail(..) => None,
            What::Log(line) => Some(&line.queue_id),
        }
    }

    pub(super) fn clues(&self) -> Clues<'_> {
        match &self.what {
            What::Mail(mail, reading) => {
                let sent_to = mail.to.iter().chain(&reading.sent_to);
                let mut tokens: Vec<&str> = sent_to.filter_map(|address| token_of(address)).collect();
                tokens.dedup();
                let message_ids = reading.message_ids.iter().map(String::as_str).collect();
                Clues { tokens, envid: reading.envid.as_deref(), message_ids, queue_id: None }
            }
            What::Log(line) => {
                let message_ids = line.message_id.iter().map(String::as_str).collect();
                // Queue ids are used again; the Message-ID says whose mail it is now.
                let queue_id = line.message_id.is_none().then_some(line.queue_id.as_str());
                Clues { message_ids, queue_id, ..Clues::default() }
            }
        }
    }

    /// What it says, recipient by recipient.
    pub(super) fn words(&self) -> Vec<Word<'_>> {
        match &self.what {
            What::Mail(_, reading) => reading.reports.iter().map(Word::of_report).collect(),
            What::Log(line) => vec![Word::of_line(line)],
        }
    }

    /// As it is kept, whole.
    pub(super) fn row(&self, state: &str, why: Option<&str>, member_id: Option<i64>, keep: bool) -> ArrivalRow {
        let row = ArrivalRow {
            sha256: self.sha256.clone(),
            source: self.source.clone(),
            kind: self.kind().to_owned(),
            state: state.to_owned(),
            why: why.map(str::to_owned),
            member_id,
            content: keep.then(|| self.content()),
            ..ArrivalRow::default()
        };
        match &self.what {
            What::Log(line) => ArrivalRow { size: i64::try_from(line.text.len()).unwrap_or(i64::MAX), ..row },
            What::Mail(mail, reading) => ArrivalRow {
                envelope_to: mail.to.clone(),
                sender: Some(reading.from.clone()),
                subject: Some(reading.subject.clone()),
                size: i64::try_from(mail.whole_size).unwrap_or(i64::MAX),
                ..row
            },
        }
    }

    fn content(&self) -> String {
        match &self.what {
            What::Mail(mail, _) => STANDARD.encode(&mail.raw),
            What::Log(line) => serde_json::to_string(line).unwrap_or_default(),
        }
    }

    /// Octets that its content takes in the database, at most.
    pub(super) fn weight(&self) -> usize {
        match &self.what {
            What::Mail(mail, _) => mail.raw.len() / 3 * 4 + 1_024,
            What::Log(_) => 2_048,
        }
    }
}

impl<'a> Word<'a> {
    fn of_report(report: &'a Report) -> Self {
        Self {
            says: Says::from(report),
            recipient: Some(&report.address),
            original: report.original.as_deref(),
            status: report.status.as_deref(),
            reason: report.reason,
            detail: report.diagnostic.as_deref(),
        }
    }

    fn of_line(line: &'a LogEvidence) -> Self {
        let (status, detail) = (line.status.as_deref(), Some(line.text.as_str()));
        let class = match line.event {
            LogEvent::Delivery { class, .. } => class,
            LogEvent::Taken => Class::Delivered,
        };
        let gave_up = matches!(line.event, LogEvent::Delivery { class: Class::Temporary, is_final: true, .. });
        let reason = match bounce::reason(class, status, &line.text) {
            Reason::Other if gave_up => Reason::Expired,
            reason => reason,
        };
        Self {
            says: Says::from(line.event),
            recipient: line.recipient.as_deref(),
            original: None,
            status,
            reason,
            detail,
        }
    }

    /// Of a mail that proves no more than that the relay had ours.
    pub(super) fn taken() -> Self {
        Self { says: Says::Taken, ..Self::silent() }
    }

    /// Of an arrival that says nothing that we understand.
    pub(super) fn silent() -> Self {
        let (recipient, original, status, detail) = (None, None, None, None);
        Self { says: Says::Failed, recipient, original, status, reason: Reason::Other, detail }
    }

    /// Why it failed; nothing for what did not.
    pub(super) fn why(&self) -> Option<&'static str> {
        matches!(self.says, Says::Failed | Says::Delayed).then(|| self.reason.as_str())
    }
}

/// A defect of the reader must not keep back the mails behind this one: a person reads it.
fn read_or_nothing(raw: &[u8]) -> Reading {
    std::panic::catch_unwind(|| bounce::read(raw)).unwrap_or_else(|_| bounce::read(b""))
}

/// Names a mail by its octets, whatever the line ends with which a mailbox hands it out.
fn mail_sha256(raw: &[u8]) -> String {
    let mut hash = Sha256::new();
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\r', rest) {
        hash.update(&rest[..at]);
        hash.update(b"\n");
        rest = &rest[at + 1..];
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    hash.update(rest);
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_has_one_name_whatever_its_line_ends() {
        let names = ["a\nb\n\nc", "a\r\nb\r\n\r\nc", "a\rb\r\rc"].map(|raw| mail_sha256(raw.as_bytes()));
        assert!(names[0] == names[1] && names[1] == names[2]);
        assert_ne!(names[0], mail_sha256(b"a\nb\nc"));
    }
}
