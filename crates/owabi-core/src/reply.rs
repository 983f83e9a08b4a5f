//! One SMTP reply as the relay gave it (RFC 5321 section 4.2, enhanced codes of RFC 3463).

use serde::{Deserialize, Serialize};
use std::fmt;

/// An enhanced status code `class.subject.detail` (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Enhanced {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub class: u8,
    /// What part of the mail system the code speaks of: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The detail within the subject.
    pub detail: u16,
}

impl Enhanced {
    /// Reads a code at the start of `text` (`5.1.1 unknown user`). `None` when the text does not begin with one.
    pub fn at_start_of(text: &str) -> Option<Self> {
        let word = text.split_ascii_whitespace().next()?;
        let mut parts = word.splitn(3, '.');
        let number = |part: Option<&str>| part.filter(|p| (1..=3).contains(&p.len())).and_then(|p| p.parse().ok());
        let class = parts.next().filter(|class| matches!(*class, "2" | "4" | "5"))?.parse().ok()?;
        Some(Self { class, subject: number(parts.next())?, detail: number(parts.next())? })
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// A complete reply: its basic code and the text of all its lines.
///
/// The text is decoded lossily (some relays answer in Shift_JIS) and bounded by the reader; it is never an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The basic reply code, 200 to 599.
    pub code: u16,
    /// The text after the code, lines joined by `\n`; empty for a bare `250`.
    pub text: String,
}

impl Reply {
    /// A reply with one line of text.
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The first digit of the basic code, which rules when it disagrees with the enhanced code.
    pub fn class(&self) -> u16 {
        self.code / 100
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        self.class() == 2
    }

    /// The enhanced code at the start of the text, if the relay gave one.
    pub fn enhanced(&self) -> Option<Enhanced> {
        Enhanced::at_start_of(&self.text)
    }

    /// The queue id that Postfix, Exim, OpenSMTPD or the capture relay name in the reply to the final dot.
    ///
    /// Understands `queued as ID`, Exim's `OK id=ID` and OpenSMTPD's `ID Message accepted for delivery`.
    pub fn queue_id(&self) -> Option<&str> {
        let after = |mark: &str| self.text.find(mark).map(|at| &self.text[at + mark.len()..]);
        let word = |rest: &'_ str| rest.split([' ', '\n', ')', ';']).next().map(str::len).filter(|n| *n > 0);
        if let Some(rest) = after("queued as ").or_else(|| after("id=")) {
            return word(rest).map(|n| &rest[..n]);
        }
        let before = &self.text[..self.text.find(" Message accepted for delivery")?];
        before.rsplit(' ').next().filter(|id| !id.is_empty())
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text.replace('\n', " "))
    }
}
