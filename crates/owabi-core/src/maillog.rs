//! What a Postfix mail log says about our mails, line by line (postfix-script, cleanup(8), qmgr(8), smtp(8), bounce(8)).
//! Pure: lines in, evidence out.

use crate::bounce::Class;
use serde::{Deserialize, Serialize};

/// What the relay's log says about one mail in its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvidence {
    /// Names this evidence for ever: SHA-256 of the line, lower-case hexadecimal. Reading it twice changes nothing.
    pub sha256: String,
    /// The relay's queue id.
    pub queue_id: String,
    /// The mail's Message-ID without angle brackets, when the log said it (cleanup).
    pub message_id: Option<String>,
    /// The recipient as first given (`orig_to`, else `to`); `None` for [`LogEvent::Taken`].
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
    /// It is in the relay's queue (qmgr, `queue active`): the relay took it.
    Taken,
    /// `status=sent|bounced|deferred|expired`: `Delivered`, `Permanent` (also when given up after 4.x.x: `Temporary` and final), `Temporary`.
    Delivery {
        /// What became of it.
        class: Class,
        /// Nothing more will come of it.
        is_final: bool,
        /// Handed to another host (smtp), not put into a mailbox (local, virtual, lmtp, pipe).
        relayed: bool,
    },
}
