//! One entry and its sealed line.

use super::merkle::{self, Hash};
use super::rows::{AttemptBody, Correction, Receipt, Resent, Substitute};
use crate::ids::Pseudonyms;
use serde::Serialize;

/// The kinds of entries that name a row of another table instead of saying all themselves.
pub const REFERRING: [&str; 5] = ["attempt", "receipt", "correction", "substitute", "resent"];

/// One entry of the ledger with what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the one order of everything.
    pub seq: i64,
    /// When (epoch milliseconds).
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What.
    pub kind: String,
    /// Of which notice.
    pub notice_id: Option<String>,
    /// Of which row of `affected_members`.
    pub member_id: Option<i64>,
    /// Of which row of that member, or of the table that the kind names.
    pub number: Option<i64>,
    /// What it says.
    pub body: Body,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// All of it, a JSON text.
    Told(String),
    /// An attempt and what was about to leave.
    Attempt(Box<AttemptBody>),
    /// A receipt.
    Receipt(Box<Receipt>),
    /// A corrected address.
    Correction(Box<Correction>),
    /// What was done instead of a mail.
    Substitute(Box<Substitute>),
    /// Whom a resend batch sent to again.
    Resent(Box<Resent>),
    /// The row that the entry names is not there.
    Gone,
}

#[derive(Serialize)]
struct Front<'a> {
    seq: i64,
    at: i64,
    actor: &'a str,
    kind: &'a str,
    notice: Option<&'a str>,
    member: Option<i64>,
    number: Option<i64>,
}

impl Body {
    /// Puts keyed hashes in the place of personal values, as the sealed line has them.
    pub fn conceal(&mut self, pseudonyms: &Pseudonyms) {
        match self {
            Self::Attempt(row) => row.conceal(pseudonyms),
            Self::Receipt(row) => row.conceal(pseudonyms),
            Self::Correction(row) => row.conceal(pseudonyms),
            Self::Substitute(row) => row.conceal(pseudonyms),
            Self::Told(_) | Self::Resent(_) | Self::Gone => {}
        }
    }

    fn write(&self, line: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Told(text) => line.extend_from_slice(text.as_bytes()),
            Self::Attempt(row) => serde_json::to_writer(line, row)?,
            Self::Receipt(row) => serde_json::to_writer(line, row)?,
            Self::Correction(row) => serde_json::to_writer(line, row)?,
            Self::Substitute(row) => serde_json::to_writer(line, row)?,
            Self::Resent(row) => serde_json::to_writer(line, row)?,
            Self::Gone => line.extend_from_slice(b"null"),
        }
        Ok(())
    }
}

impl Entry {
    /// The sealed line: one JSON object, without a newline of its own. Personal values are concealed on the way.
    ///
    /// # Errors
    /// Never in practice: all of it is text and numbers.
    pub fn line(&self, pseudonyms: &Pseudonyms) -> serde_json::Result<Vec<u8>> {
        let mut line = Vec::with_capacity(1024);
        self.clone().write_line(pseudonyms, &mut line)?;
        Ok(line)
    }

    /// The same of an entry whose personal values need not be kept, at the end of `line`: nothing is copied.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn write_line(mut self, pseudonyms: &Pseudonyms, line: &mut Vec<u8>) -> serde_json::Result<()> {
        self.body.conceal(pseudonyms);
        self.write(line)
    }

    /// The hash of the sealed line.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn leaf(&self, pseudonyms: &Pseudonyms) -> serde_json::Result<Hash> {
        Ok(merkle::leaf(&self.line(pseudonyms)?))
    }

    fn write(&self, line: &mut Vec<u8>) -> serde_json::Result<()> {
        let front = Front {
            seq: self.seq,
            at: self.at,
            actor: &self.actor,
            kind: &self.kind,
            notice: self.notice_id.as_deref(),
            member: self.member_id,
            number: self.number,
        };
        serde_json::to_writer(&mut *line, &front)?;
        line.pop();
        line.extend_from_slice(b",\"body\":");
        self.body.write(line)?;
        line.push(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::{Attempt, Intent};
    use super::*;
    use crate::ids::Keys;

    fn pseudonyms() -> Pseudonyms {
        Keys::new(b"0123456789abcdef0123456789abcdef").unwrap().pseudonyms("metaps-2022")
    }

    fn line(entry: &Entry) -> String {
        String::from_utf8(entry.line(&pseudonyms()).unwrap()).unwrap()
    }

    fn told(body: &str) -> Entry {
        Entry {
            seq: 17,
            at: 1_700_000_000_000,
            actor: "hanako".into(),
            kind: "approve".into(),
            notice_id: Some("metaps-2022".into()),
            member_id: None,
            number: None,
            body: Body::Told(body.into()),
        }
    }

    #[test]
    fn a_told_entry_stands_in_its_line_with_its_body_as_it_is_stored() {
        let expected = r#"{"seq":17,"at":1700000000000,"actor":"hanako","kind":"approve","notice":"metaps-2022","member":null,"number":null,"body":{"b" : 1, "a":"é"}}"#;
        assert_eq!(line(&told(r#"{"b" : 1, "a":"é"}"#)), expected);
        assert_ne!(line(&told(r#"{"b":1, "a":"é"}"#)), expected);
    }

    fn attempted() -> Entry {
        let attempt = Attempt {
            fence: Some(2),
            at: 5,
            outcome: "accepted".into(),
            spent: true,
            reason: None,
            phase: Some("dot".into()),
            code: Some(250),
            enhanced: Some("2.0.0".into()),
            reply: Some("250 2.0.0 Ok \"queued\"".into()),
            queue_id: Some("4bQ".into()),
            tls: None,
            duration_ms: Some(12),
        };
        let intent = Intent {
            fence: 2,
            at: 4,
            relay: "main".into(),
            rcpt_to: "hanako@example.jp".into(),
            message_id: "m@example.jp".into(),
            envid: "e".into(),
            mail_sha256: "00".into(),
            mail_bytes: 9,
            possible_duplicate: false,
        };
        Entry {
            seq: 18,
            actor: "owabi".into(),
            kind: "attempt".into(),
            member_id: Some(3),
            number: Some(1),
            body: Body::Attempt(Box::new(AttemptBody { attempt, intent: Some(intent) })),
            ..told("")
        }
    }

    #[test]
    fn an_attempt_stands_in_its_line_with_keyed_hashes_for_what_is_personal() {
        let line = line(&attempted());
        assert!(
            line.contains(r#""rcpt_to":"keyed:9ba4a2f7770d72f2666ad3a2f08219c1ce3303a2145f0ab694bb0892216c618b""#),
            "{line}"
        );
        assert!(!line.contains("hanako@") && !line.contains("queued"), "{line}");
        assert!(line.starts_with(r#"{"seq":18,"at":1700000000000,"actor":"owabi","kind":"attempt","notice":"metaps-2022","member":3,"number":1,"body":{"attempt":{"fence":2,"at":5,"outcome":"accepted","spent":true,"reason":null,"phase":"dot","code":250,"enhanced":"2.0.0","reply":"keyed:"#), "{line}");
        assert!(line.ends_with(r#""message_id":"m@example.jp","envid":"e","mail_sha256":"00","mail_bytes":9,"possible_duplicate":false}}}"#), "{line}");
    }

    #[test]
    fn a_purge_changes_no_line() {
        let entry = attempted();
        let mut purged = entry.clone();
        purged.body.conceal(&pseudonyms());
        assert_ne!(purged, entry);
        assert_eq!(line(&purged), line(&entry));
    }

    #[test]
    fn what_is_not_there_stays_null_and_is_not_hashed() {
        let mut entry = attempted();
        if let Body::Attempt(row) = &mut entry.body {
            row.attempt.reply = None;
            row.intent = None;
        }
        assert!(line(&entry).contains(r#""reply":null"#) && line(&entry).ends_with(r#""intent":null}}"#));
    }
}
