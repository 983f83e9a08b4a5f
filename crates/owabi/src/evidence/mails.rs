//! `mails.csv`: each mail that was about to leave, and what it takes to rebuild it octet for octet.

use super::rebuild::Texts;
use owabi_core::ids::Pseudonyms;
use owabi_core::ledger::Intent;
use owabi_core::member::Member;
use owabi_core::rebuild::{History, Origin, Released, Sent, origins, round_of, texts};
use owabi_core::roster::{defuse, undo};
use owabi_store::RosterRow;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The columns of `mails.csv`. `dated_at` is the mail's Date in epoch milliseconds, `to` the address in it.
pub(super) const COLUMNS: [&str; 11] = [
    "member",
    "number",
    "round",
    "at",
    "message_id",
    "bytes",
    "sha256",
    "dated_at",
    "fingerprint",
    "to",
    "possible_duplicate",
];

/// One mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Listed {
    pub(super) member: i64,
    pub(super) number: i64,
    pub(super) message_id: String,
    pub(super) sha256: String,
    pub(super) bytes: i64,
    pub(super) at: i64,
    pub(super) possible_duplicate: bool,
    pub(super) origin: Option<Origin>,
}

/// What is known of one member when its mails are listed.
pub(super) struct Past<'a> {
    pub(super) row: &'a RosterRow,
    pub(super) history: History<'a>,
    pub(super) texts: &'a Texts,
}

impl Past<'_> {
    /// One of the member's mails. Where several origins are possible the hash decides.
    pub(super) fn mail(&self, number: i64, intent: &Intent) -> Listed {
        let sent = Sent { at: intent.at, rcpt_to: &intent.rcpt_to, message_id: &intent.message_id };
        let found = origins(&self.history, &sent);
        let origin = match &found[..] {
            [] => self.text_alone(&sent),
            [only] => Some(only.clone()),
            several => {
                let member = member(self.row).unwrap_or_default();
                let rebuilt = self.texts.rebuild(&member, several, &intent.message_id, &intent.mail_sha256);
                rebuilt.map(|rebuilt| rebuilt.origin)
            }
        };
        Listed {
            member: self.row.id,
            number,
            message_id: intent.message_id.clone(),
            sha256: intent.mail_sha256.clone(),
            bytes: intent.mail_bytes,
            at: intent.at,
            possible_duplicate: intent.possible_duplicate,
            origin,
        }
    }

    /// After a purge no address can be told; date and text can.
    fn text_alone(&self, sent: &Sent<'_>) -> Option<Origin> {
        let round = round_of(sent.message_id).unwrap_or(1);
        let (dated_at_ms, fingerprint) = texts(&self.history, sent, round).into_iter().next()?;
        Some(Origin { dated_at_ms, fingerprint, email: sent.rcpt_to.to_owned() })
    }
}

/// The member of a row; `None` when its columns cannot be read.
pub(super) fn member(row: &RosterRow) -> Option<Member> {
    Some(Member {
        member_no: row.member_no.clone(),
        name: row.name.clone(),
        email: row.email.clone(),
        cohorts: serde_json::from_str(&row.cohorts).ok()?,
        payments: serde_json::from_str(&row.payments).ok()?,
        fields: serde_json::from_str(&row.fields).ok()?,
    })
}

/// The releases as the rebuilding needs them.
pub(super) fn released(releases: &[owabi_store::ReleaseRow]) -> Vec<Released> {
    releases.iter().map(|row| Released { at: row.at, fingerprint: row.fingerprint.clone() }).collect()
}

impl Listed {
    pub(super) fn cells(&self, pseudonyms: Option<&Pseudonyms>) -> [String; 11] {
        let origin = self.origin.as_ref();
        let to = origin.map(|origin| pseudonyms.map_or(origin.email.clone(), |keyed| keyed.of(&origin.email)));
        [
            self.member.to_string(),
            self.number.to_string(),
            round_of(&self.message_id).map(|round| round.to_string()).unwrap_or_default(),
            self.at.to_string(),
            self.message_id.clone(),
            self.bytes.to_string(),
            self.sha256.clone(),
            origin.map(|origin| origin.dated_at_ms.to_string()).unwrap_or_default(),
            origin.map(|origin| origin.fingerprint.clone()).unwrap_or_default(),
            to.unwrap_or_default(),
            self.possible_duplicate.to_string(),
        ]
        .map(|cell| defuse(&cell).into_owned())
    }

    /// Reads the cells back; `None` when they are not those of a mail.
    pub(super) fn read(record: &csv::StringRecord) -> Option<Self> {
        if record.len() != COLUMNS.len() {
            return None;
        }
        let cell = |at: usize| undo(record.get(at).unwrap_or_default()).to_owned();
        let message_id = cell(4);
        if cell(2) != round_of(&message_id).map(|round| round.to_string()).unwrap_or_default() {
            return None;
        }
        let origin = || Some(Origin { dated_at_ms: cell(7).parse().ok()?, fingerprint: cell(8), email: cell(9) });
        Some(Self {
            member: cell(0).parse().ok()?,
            number: cell(1).parse().ok()?,
            message_id,
            sha256: cell(6),
            bytes: cell(5).parse().ok()?,
            at: cell(3).parse().ok()?,
            possible_duplicate: cell(10).parse().ok()?,
            origin: origin(),
        })
    }

    /// Names what the ledger says of a mail as well.
    pub(super) fn mark(&self) -> [u8; 16] {
        mark(&self.message_id, &self.sha256, (self.bytes, self.at), self.possible_duplicate)
    }
}

/// The same for an intent that an entry names.
pub(super) fn mark_of(intent: &Intent) -> [u8; 16] {
    mark(&intent.message_id, &intent.mail_sha256, (intent.mail_bytes, intent.at), intent.possible_duplicate)
}

fn mark(message_id: &str, sha256: &str, (bytes, at): (i64, i64), twice: bool) -> [u8; 16] {
    let hash = Sha256::digest(format!("{message_id}\n{sha256}\n{bytes}\n{at}\n{twice}").as_bytes());
    let mut mark = [0; 16];
    mark.copy_from_slice(&hash[..16]);
    mark
}
