//! What became of one try to hand one mail to a relay, as the SMTP side reports it.

use crate::reply::Reply;
use crate::text::{Text, say};
use serde::{Deserialize, Serialize};

/// The step of the SMTP session that a reply or a fault belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// TCP connect, name lookup.
    Connect,
    /// The 220 greeting.
    Greeting,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS and the TLS handshake.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, until the 354.
    Data,
    /// The reply to the final dot, or to BDAT LAST.
    Dot,
}

impl Phase {
    /// The word used in the database, in the log and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Dot => "dot",
        }
    }

    /// What a Japanese reader calls the step.
    fn in_japanese(self) -> &'static str {
        match self {
            Self::Connect => "接続",
            Self::Greeting => "最初の応答",
            Self::Ehlo => "EHLO",
            Self::Tls => "TLS",
            Self::Auth => "ログイン",
            Self::Mail => "MAIL FROM",
            Self::Rcpt => "RCPT TO",
            Self::Data => "DATA",
            Self::Dot => "本文の終わり",
        }
    }
}

/// The relay's or our own fault: never costs a member an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the session it happened.
    pub phase: Phase,
    /// What kind of fault, which decides how the relay is paused.
    pub kind: FaultKind,
    /// The relay's own words, if it said any.
    pub reply: Option<Reply>,
    /// What happened, for the operator: a sentence without addresses and without a full stop. Log, attempts and alerts have the
    /// English one.
    pub detail: Text,
}

impl Fault {
    /// What happened, in which step, and what the relay said: its own words stay as they are.
    pub fn text(&self) -> Text {
        let (Text { ja, en }, step, word) = (&self.detail, self.phase.in_japanese(), self.phase.as_str());
        match &self.reply {
            Some(reply) => say!(ja: "{ja}({step})。応答: {reply}", en: "{en} ({word}): {reply}"),
            None => say!(ja: "{ja}({step})。", en: "{en} ({word})"),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text().en)
    }
}

impl std::error::Error for Fault {}

/// Kinds of relay fault (FAILURES B).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Refused, unreachable, name not found, reset, end of file.
    Connection,
    /// A deadline passed.
    Timeout,
    /// 421, 454, a 4xx said to everybody: the relay asks us to come back later.
    Busy,
    /// Too many messages on this connection; a new connection may go on at once.
    ConnectionLimit,
    /// STARTTLS missing or refused, bad certificate, bytes injected before TLS.
    Tls,
    /// 530, 534, 535, 538 or no common AUTH mechanism.
    Auth,
    /// Garbage, an endless line, replies that do not line up.
    Protocol,
    /// We closed: shutdown, the intent was not granted, or the lease ended.
    Local,
}

/// What became of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx to the final dot: the relay took responsibility.
    Accepted(Reply),
    /// A complete negative reply (4xx or 5xx) to this mail's MAIL, RCPT, DATA or dot. What it means is decided by [`crate::retry`].
    Refused(Phase, Reply),
    /// The body's end cannot have left this machine, and no reply concerned this mail: sent again, attempt unspent.
    NotSent(Fault),
    /// The final dot may be out and no reply is known: in doubt.
    Unknown(Fault),
}
