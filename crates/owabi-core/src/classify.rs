//! What a relay's refusal of one mail means, and whose fault it is (FAILURES B; RFC 5321 4.2, RFC 3463).
//!
//! The basic code's first digit rules. The enhanced code, or one found inside the text when the relay gives only `x.0.0`,
//! refines it. What is not understood is temporary.

use crate::outcome::Phase;
use crate::reply::{Enhanced, Reply};

/// The meaning of a negative reply to one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// This recipient cannot be served now (greylisting, busy mailbox): try later, one attempt used.
    TryLater,
    /// The mailbox is full. Not a bad address; listed for a resend when it ends in failure.
    MailboxFull,
    /// The address does not exist or is malformed: failed for good.
    BadAddress,
    /// A policy of the recipient's side, or of everybody: the dispatcher decides by what other domains say.
    Policy,
    /// Refused for good for a reason that is no other.
    Refused,
    /// The message itself is too large: the notice stops.
    MessageTooBig,
    /// The address needs SMTPUTF8, which the relay lacks.
    NeedsSmtpUtf8,
    /// Our sender is refused: never the member's fault.
    SenderRefused,
    /// The relay wants authentication or does not relay for us: the queue stops at once.
    NotAllowed,
    /// The relay is short of something or throttles: slow down, no attempt used.
    Throttled,
    /// We and the relay do not understand each other: no attempt used.
    Protocol,
}

impl Meaning {
    /// The word of `reason` in the queue table and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TryLater => "try_later",
            Self::MailboxFull => "mailbox_full",
            Self::BadAddress => "bad_address",
            Self::Policy => "policy",
            Self::Refused => "refused",
            Self::MessageTooBig => "message_too_big",
            Self::NeedsSmtpUtf8 => "needs_smtputf8",
            Self::SenderRefused => "sender_refused",
            Self::NotAllowed => "relay_not_allowed",
            Self::Throttled => "throttled",
            Self::Protocol => "protocol",
        }
    }

    /// The fault is the relay's or ours: the member's attempt is not used.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::SenderRefused | Self::NotAllowed | Self::Throttled | Self::Protocol | Self::MessageTooBig)
    }
}

/// What a 4xx or 5xx `reply` given at `phase` means.
pub fn meaning(phase: Phase, reply: &Reply) -> Meaning {
    let text = reply.text.to_ascii_lowercase();
    if speaks_of_relaying(reply, &text) {
        return Meaning::NotAllowed;
    }
    let code = full_code(reply);
    if reply.class() == 4 {
        temporary(phase, reply.code, code, &text)
    } else {
        permanent(phase, reply.code, code, &text)
    }
}

fn temporary(phase: Phase, basic: u16, code: Option<Enhanced>, text: &str) -> Meaning {
    match (code.map(|c| (c.subject, c.detail)), basic) {
        (Some((2, 2)), _) => Meaning::MailboxFull,
        (Some((3, 1 | 2)), _) | (None, 452) if phase != Phase::Rcpt || code.is_some() => Meaning::Throttled,
        _ if phase == Phase::Mail => Meaning::Throttled,
        (Some((7, _)), _) if speaks_of_rate(text) => Meaning::Throttled,
        (None, _) if text.contains("mailbox full") || text.contains("over quota") => Meaning::MailboxFull,
        _ => Meaning::TryLater,
    }
}

fn permanent(phase: Phase, basic: u16, code: Option<Enhanced>, text: &str) -> Meaning {
    match basic {
        530 | 534 | 535 | 538 => return Meaning::NotAllowed,
        500 | 502 | 503 | 504 | 555 => return Meaning::Protocol,
        _ => {}
    }
    match code.map(|c| (c.subject, c.detail)) {
        Some((6, 7)) => Meaning::NeedsSmtpUtf8,
        Some((3, 4) | (2, 3)) => Meaning::MessageTooBig,
        _ if phase == Phase::Mail && basic == 552 => Meaning::MessageTooBig,
        _ if phase == Phase::Mail => Meaning::SenderRefused,
        Some((1, 7 | 8)) => Meaning::SenderRefused,
        Some((1, _) | (2, 1)) => Meaning::BadAddress,
        Some((2, 2)) => Meaning::MailboxFull,
        Some((7, _)) => Meaning::Policy,
        Some((5, _)) => Meaning::Protocol,
        Some(_) => Meaning::Refused,
        None => by_words(phase, basic, text),
    }
}

/// For relays that give no enhanced code at all.
fn by_words(phase: Phase, basic: u16, text: &str) -> Meaning {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["mailbox full", "over quota", "quota exceeded", "mailbox is full"]) {
        return Meaning::MailboxFull;
    }
    if says(&["message too large", "message size exceeds", "too big"]) {
        return Meaning::MessageTooBig;
    }
    if says(&["spam", "blocked", "blacklist", "denied", "policy", "prohibited"]) {
        return Meaning::Policy;
    }
    match (phase, basic) {
        (_, 552) => Meaning::MailboxFull,
        (Phase::Rcpt, 501 | 550 | 551 | 553) => Meaning::BadAddress,
        (Phase::Rcpt, 554) => Meaning::Policy,
        _ => Meaning::Refused,
    }
}

/// The enhanced code; when it is absent or `x.0.0`, one that stands further on in the text.
fn full_code(reply: &Reply) -> Option<Enhanced> {
    let vague = |code: &Enhanced| code.subject == 0 && code.detail == 0;
    let exact = |code: &Enhanced| !vague(code) && u16::from(code.class) == reply.class();
    let first = reply.enhanced().filter(|code| !vague(code));
    let words = reply.text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | ',' | ';' | '#'));
    first.or_else(|| words.filter_map(Enhanced::at_start_of).find(exact))
}

fn speaks_of_relaying(reply: &Reply, text: &str) -> bool {
    let words =
        ["relay access denied", "relaying denied", "relay not permitted", "unable to relay", "authentication required"];
    reply.class() == 5 && words.iter().any(|word| text.contains(word))
}

fn speaks_of_rate(text: &str) -> bool {
    ["rate", "throttl", "too many", "too fast", "limit"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &[(Phase, u16, &str, Meaning)] = &[
        // B2, B3: the recipient's own temporary trouble, greylisting
        (Phase::Rcpt, 450, "4.2.0 try later", Meaning::TryLater),
        (Phase::Rcpt, 450, "4.7.1 Greylisted, see http://example.jp", Meaning::TryLater),
        (Phase::Rcpt, 451, "4.7.1 Please try again later", Meaning::TryLater),
        (Phase::Rcpt, 452, "too many recipients", Meaning::TryLater),
        (Phase::Dot, 451, "local error in processing", Meaning::TryLater),
        (Phase::Rcpt, 451, "4.3.0 local error", Meaning::TryLater),
        (Phase::Dot, 450, "", Meaning::TryLater),
        // B4: the address
        (Phase::Rcpt, 550, "5.1.1 unknown user", Meaning::BadAddress),
        (Phase::Rcpt, 550, "5.1.0 address rejected", Meaning::BadAddress),
        (Phase::Rcpt, 550, "5.1.2 bad domain", Meaning::BadAddress),
        (Phase::Rcpt, 553, "5.1.3 bad syntax", Meaning::BadAddress),
        (Phase::Rcpt, 550, "5.1.10 null MX", Meaning::BadAddress),
        (Phase::Rcpt, 501, "bad address syntax", Meaning::BadAddress),
        (Phase::Rcpt, 550, "no such user here", Meaning::BadAddress),
        (Phase::Dot, 550, "5.1.1 unknown user", Meaning::BadAddress),
        (Phase::Rcpt, 550, "5.2.1 mailbox disabled", Meaning::BadAddress),
        // B5: full mailboxes
        (Phase::Rcpt, 552, "5.2.2 mailbox full", Meaning::MailboxFull),
        (Phase::Rcpt, 452, "4.2.2 mailbox full", Meaning::MailboxFull),
        (Phase::Rcpt, 552, "exceeded storage allocation", Meaning::MailboxFull),
        (Phase::Rcpt, 550, "Mailbox is full", Meaning::MailboxFull),
        // B6: the message
        (Phase::Mail, 552, "5.3.4 message size exceeds limit", Meaning::MessageTooBig),
        (Phase::Dot, 552, "5.3.4 too big", Meaning::MessageTooBig),
        (Phase::Dot, 554, "message too large", Meaning::MessageTooBig),
        // B7: the sender
        (Phase::Mail, 550, "5.7.1 sender rejected", Meaning::SenderRefused),
        (Phase::Mail, 553, "sorry", Meaning::SenderRefused),
        (Phase::Rcpt, 550, "5.1.8 sender domain does not resolve", Meaning::SenderRefused),
        // B8: policy
        (Phase::Rcpt, 550, "5.7.1 not accepted here", Meaning::Policy),
        (Phase::Dot, 554, "5.7.1 looks like spam", Meaning::Policy),
        (Phase::Rcpt, 554, "go away", Meaning::Policy),
        // B9: authentication, relaying
        (Phase::Mail, 530, "5.7.0 must authenticate", Meaning::NotAllowed),
        (Phase::Rcpt, 550, "relay access denied", Meaning::NotAllowed),
        (Phase::Rcpt, 554, "5.7.1 <a@b>: Relay access denied", Meaning::NotAllowed),
        (Phase::Mail, 535, "5.7.8", Meaning::NotAllowed),
        // B11: the basic code's first digit rules
        (Phase::Rcpt, 550, "4.2.1 disabled", Meaning::BadAddress),
        (Phase::Rcpt, 450, "5.1.1 unknown", Meaning::TryLater),
        // B12: x.0.0, the fuller code in the text
        (Phase::Rcpt, 550, "5.0.0 (550-5.1.1 unknown user)", Meaning::BadAddress),
        (Phase::Dot, 550, "5.0.0 remote said: 552 5.2.2 mailbox full", Meaning::MailboxFull),
        // B25: throttling
        (Phase::Mail, 451, "4.7.1 try later", Meaning::Throttled),
        (Phase::Rcpt, 450, "4.7.1 rate limit exceeded", Meaning::Throttled),
        (Phase::Dot, 452, "4.3.1 insufficient system storage", Meaning::Throttled),
        (Phase::Rcpt, 452, "4.3.2 system not accepting", Meaning::Throttled),
        // B27
        (Phase::Mail, 550, "5.6.7 needs SMTPUTF8", Meaning::NeedsSmtpUtf8),
        // B16 and our own mistakes
        (Phase::Mail, 503, "5.5.1 nested MAIL", Meaning::Protocol),
        (Phase::Data, 554, "5.5.1 no valid recipients", Meaning::Protocol),
        // unknown
        (Phase::Dot, 554, "transaction failed", Meaning::Refused),
        (Phase::Dot, 499, "??", Meaning::TryLater),
    ];

    #[test]
    fn every_kind_of_refusal_is_laid_at_the_right_door() {
        for (phase, code, text, wanted) in CASES {
            assert_eq!(meaning(*phase, &Reply::new(*code, *text)), *wanted, "{phase:?} {code} {text}");
        }
    }

    #[test]
    fn the_relays_and_our_own_faults_are_told_from_the_members() {
        for (_, _, _, meaning) in CASES {
            let member = matches!(
                meaning,
                Meaning::TryLater
                    | Meaning::MailboxFull
                    | Meaning::BadAddress
                    | Meaning::Policy
                    | Meaning::Refused
                    | Meaning::NeedsSmtpUtf8
            );
            assert_eq!(meaning.is_ours(), !member, "{meaning:?}");
        }
    }
}
