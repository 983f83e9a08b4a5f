//! Reading what comes back: delivery status notifications, conformant or not (RFC 3464), bounces in free text, and what
//! is told apart from them: auto-replies, complaints, ordinary mail. Pure, bounded in time and memory on any input.

use serde::{Deserialize, Serialize};

/// What a mail that came back is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It tells of a delivery: a DSN, or free text of a mail server.
    Bounce,
    /// An automatic answer of a person's account (RFC 3834): an absence note, an acknowledgement.
    AutoReply,
    /// An abuse report (ARF, RFC 5965).
    Complaint,
    /// Anything else; a person looks at it.
    Other,
}

/// What became of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Failed, and a further try would fail, too.
    Permanent,
    /// Failed for now. Final: the server gave up after trying (a failure); not final: it goes on trying (a delay).
    Temporary,
    /// Delivered, or handed on to a server that sends no receipts.
    Delivered,
}

/// Why it failed, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No such mailbox or domain, or it was given up: a letter is needed, or another address.
    BadAddress,
    /// The mailbox is full: not a bad address, may work later.
    MailboxFull,
    /// Refused for what we are or say.
    Policy,
    /// The message is too large.
    TooLarge,
    /// The server tried as long as it would.
    Expired,
    /// The recipient's server could not be reached, or was at fault.
    Remote,
    /// None of these.
    Other,
}

/// What a bounce says of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The recipient that failed, as the server names it, unquoted where it was needlessly quoted (Final-Recipient).
    pub address: String,
    /// The recipient as we wrote it, where the server says so (Original-Recipient, ORCPT).
    pub original: Option<String>,
    /// What became of it.
    pub class: Class,
    /// Nothing more will come from this server about it.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Handed on (Action `relayed` or `expanded`), not put into a mailbox.
    pub relayed: bool,
    /// The enhanced status code (RFC 3463), as in `5.1.1`: the fullest that is said anywhere.
    pub status: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The server's words, at most 1,000 characters.
    pub diagnostic: Option<String>,
}

/// What one mail says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// What the mail is.
    pub kind: Kind,
    /// Recipient by recipient; empty unless it is a bounce, and also when a bounce names nobody.
    pub reports: Vec<Report>,
    /// The addresses that the mail itself was sent to (Delivered-To, X-Original-To, Envelope-To, To …) and then the
    /// envelope senders that it returns (Return-Path, X-Envelope-From …): where our VERP token is looked for. Without doubles.
    pub sent_to: Vec<String>,
    /// Original-Envelope-Id (RFC 3464 2.2.1), xtext decoded.
    pub envid: Option<String>,
    /// Message-IDs of the returned message, without angle brackets; none of the bounce itself. In-Reply-To and References count last.
    pub message_ids: Vec<String>,
    /// The bounce's own Date, epoch milliseconds.
    pub dated_at: Option<i64>,
    /// The bounce's own From and Subject for the list of a reviewer, decoded, at most 200 characters each.
    pub from: String,
    /// See `from`.
    pub subject: String,
}

impl Reason {
    /// The word in the database and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadAddress => "bad_address",
            Self::MailboxFull => "mailbox_full",
            Self::Policy => "policy",
            Self::TooLarge => "too_large",
            Self::Expired => "expired",
            Self::Remote => "remote",
            Self::Other => "other",
        }
    }
}

/// STUB
pub fn read(_mail: &[u8]) -> Reading {
    Reading {
        kind: Kind::Other,
        reports: vec![],
        sent_to: vec![],
        envid: None,
        message_ids: vec![],
        dated_at: None,
        from: String::new(),
        subject: String::new(),
    }
}

/// Why, from an enhanced status code and the words beside it.
pub fn reason(_status: Option<&str>, _words: &str) -> Reason {
    Reason::Other
}
