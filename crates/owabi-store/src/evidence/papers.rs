//! The rows of a bundle, as they are written into it and read from it.

use owabi_core::ledger::Intent;
use owabi_core::rebuild::{Corrected, Resent as Round};
use serde::{Deserialize, Serialize};

/// One member as the roster of a bundle has it. The JSON columns stand as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct RosterRow {
    pub id: i64,
    pub member_no: String,
    pub name: String,
    pub email: Option<String>,
    pub given_email: Option<String>,
    pub cohorts: String,
    pub payments: String,
    pub fields: String,
    pub batch: Option<String>,
    pub status: String,
    pub reason: Option<String>,
    pub round: i64,
    pub queued_at: Option<i64>,
    pub attempts: i64,
    pub possible_duplicate: bool,
}

/// What some members' mails were made of, in the order of their rows.
#[derive(Clone, Debug, Default)]
pub struct Pasts {
    /// Row, attempt, and what was about to leave.
    pub intents: Vec<(i64, i64, Intent)>,
    /// Row and resend.
    pub resends: Vec<(i64, Round)>,
    /// Row and correction.
    pub corrections: Vec<(i64, Corrected)>,
}

/// A release with the notice's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct ReleaseRow {
    pub at: i64,
    pub actor: String,
    pub fingerprint: String,
    pub roster_hash: String,
    pub members: i64,
    #[serde(skip)]
    pub definition: String,
}

/// An approval with what it was given to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct ApprovalRow {
    pub at: i64,
    pub actor: String,
    pub fingerprint: String,
    pub roster_hash: String,
}

/// A batch with its arithmetic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct BatchPaper {
    pub id: String,
    pub kind: String,
    pub actor: String,
    pub reason: Option<String>,
    pub selection: Option<String>,
    /// Personal: it may name a person.
    pub file_name: Option<String>,
    pub file_sha256: Option<String>,
    pub encoding: Option<String>,
    #[serde(flatten)]
    pub totals: crate::import::Totals,
    pub at: i64,
}
