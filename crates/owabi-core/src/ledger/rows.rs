//! The rows that referring entries name, as they stand in a sealed line: every column in the order of its table but those
//! that the entry itself has. Personal values stand there as keyed hashes.

use crate::ids::Pseudonyms;
use serde::{Deserialize, Serialize};

/// What an entry `attempt` refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptBody {
    /// What became of it.
    pub attempt: Attempt,
    /// What was about to leave; nothing when it never came so far.
    pub intent: Option<Intent>,
}

/// A row of `attempts`, without the member and number that the entry has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Attempt {
    pub fence: Option<i64>,
    pub at: i64,
    pub outcome: String,
    pub spent: bool,
    pub reason: Option<String>,
    pub phase: Option<String>,
    pub code: Option<i64>,
    pub enhanced: Option<String>,
    /// Personal.
    pub reply: Option<String>,
    pub queue_id: Option<String>,
    pub tls: Option<String>,
    pub duration_ms: Option<i64>,
}

/// A row of `intents`, without the member and number that the entry has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Intent {
    pub fence: i64,
    pub at: i64,
    pub relay: String,
    /// Personal.
    pub rcpt_to: String,
    pub message_id: String,
    pub envid: String,
    pub mail_sha256: String,
    pub mail_bytes: i64,
    pub possible_duplicate: bool,
}

/// A row of `receipts`, without the id that the entry has as its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Receipt {
    pub member_id: i64,
    pub round: Option<i64>,
    pub number: Option<i64>,
    pub at: i64,
    pub reported_at: Option<i64>,
    pub source: String,
    pub evidence: String,
    pub part: i64,
    pub matched_by: String,
    pub says: String,
    /// Personal.
    pub recipient: Option<String>,
    pub status: Option<String>,
    pub reason: Option<String>,
    /// Personal.
    pub detail: Option<String>,
    pub queue_id: Option<String>,
    pub status_before: String,
    pub status_after: String,
}

/// A row of `corrections`, without the id that the entry has as its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Correction {
    pub member_id: i64,
    pub at: i64,
    pub actor: String,
    /// Personal.
    pub reason: String,
    /// Personal.
    pub old_email: Option<String>,
    /// Personal.
    pub new_email: String,
}

/// A row of `substitutes`, without the id that the entry has as its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Substitute {
    pub notice_id: String,
    pub member_id: Option<i64>,
    pub kind: String,
    pub on_day: String,
    pub until_day: Option<String>,
    pub url: Option<String>,
    /// Personal.
    pub note: Option<String>,
    pub revokes: Option<i64>,
    pub actor: String,
    pub at: i64,
}

/// A row of `resends`, without the member and round that the entry has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Resent {
    pub batch_id: String,
    pub at: i64,
    pub status_before: String,
    pub reason_before: Option<String>,
    pub tries_before: i64,
    pub fingerprint: String,
}

impl AttemptBody {
    /// Puts the keyed hash in the place of each personal value.
    pub fn conceal(&mut self, pseudonyms: &Pseudonyms) {
        conceal(self.attempt.reply.as_mut(), pseudonyms);
        conceal(self.intent.as_mut().map(|intent| &mut intent.rcpt_to), pseudonyms);
    }
}

impl Receipt {
    /// Puts the keyed hash in the place of each personal value.
    pub fn conceal(&mut self, pseudonyms: &Pseudonyms) {
        conceal(self.recipient.as_mut(), pseudonyms);
        conceal(self.detail.as_mut(), pseudonyms);
    }
}

impl Correction {
    /// Puts the keyed hash in the place of each personal value.
    pub fn conceal(&mut self, pseudonyms: &Pseudonyms) {
        conceal(Some(&mut self.reason), pseudonyms);
        conceal(self.old_email.as_mut(), pseudonyms);
        conceal(Some(&mut self.new_email), pseudonyms);
    }
}

impl Substitute {
    /// Puts the keyed hash in the place of each personal value.
    pub fn conceal(&mut self, pseudonyms: &Pseudonyms) {
        conceal(self.note.as_mut(), pseudonyms);
    }
}

fn conceal(value: Option<&mut String>, pseudonyms: &Pseudonyms) {
    if let Some(value) = value {
        *value = pseudonyms.of(value);
    }
}
