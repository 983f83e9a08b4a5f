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
    let text = words_of(&reply.text);
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
    let mailbox = says(text, &["mailbox full", "mailbox is full", "over quota"]);
    match (code.map(|c| (c.subject, c.detail)), basic) {
        _ if speaks_of_our_quota(text) || speaks_of_the_relays_trouble(text) => Meaning::Throttled,
        (Some((2, 2)), _) => Meaning::MailboxFull,
        (Some((3, 1 | 2 | 5)), _) => Meaning::Throttled,
        (None, 452) if phase != Phase::Rcpt => Meaning::Throttled,
        _ if phase == Phase::Mail => Meaning::Throttled,
        (None, _) if mailbox => Meaning::MailboxFull,
        (Some((7, _)), _) if speaks_of_rate(text) || says(text, &["limit", "limits"]) => Meaning::Throttled,
        (None, _) if speaks_of_rate(text) => Meaning::Throttled,
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
        _ if speaks_of_our_quota(text) => Meaning::Throttled,
        Some((6, 7)) => Meaning::NeedsSmtpUtf8,
        Some((3, 4)) => Meaning::MessageTooBig,
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
    let holds = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if holds(&["mailbox full", "over quota", "quota exceeded", "mailbox is full"]) {
        return Meaning::MailboxFull;
    }
    if holds(&["message too large", "message size exceeds", "too big"]) {
        // At RCPT it is one mailbox's own limit.
        return if phase == Phase::Rcpt { Meaning::Refused } else { Meaning::MessageTooBig };
    }
    if holds(&["spam", "blocked", "blacklist", "denied", "policy", "prohibited"]) {
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

/// What the relay lets us send in a day or an hour is used up.
fn speaks_of_our_quota(text: &str) -> bool {
    let sending = ["sending limit", "sending limits", "sending quota", "submission limit", "submission quota"];
    let span = ["daily", "hourly", "today", "per day", "per hour", "in a day", "in an hour"];
    let much = ["limit", "limits", "quota", "too many messages", "too many mails", "too many emails"];
    let theirs = ["receiving", "mailbox", "inbox"];
    says(text, &sending)
        || text.contains("submissionquota")
        || says(text, &span) && says(text, &much) && !says(text, &theirs)
}

fn speaks_of_the_relays_trouble(text: &str) -> bool {
    let troubles =
        ["queue file write error", "insufficient system storage", "server configuration", "too many connections"];
    says(text, &troubles)
}

fn speaks_of_rate(text: &str) -> bool {
    let words = ["rate", "rates", "ratelimit", "ratelimited", "throttle", "throttled", "throttling", "too fast"];
    let many = ["too many messages", "too many mails", "too many emails", "too many sessions", "too many concurrent"];
    says(text, &words) || says(text, &many)
}

/// Whether the text of [`words_of`] holds one of these as whole words.
fn says(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.match_indices(phrase).any(|(at, found)| is_whole(text, at, at + found.len())))
}

fn is_whole(text: &str, from: usize, to: usize) -> bool {
    text[..from].ends_with(' ') && text[to..].starts_with(' ')
}

/// The words in lower case with a space before and after each, without addresses and enhanced codes.
fn words_of(text: &str) -> String {
    let (mut outside, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, quoted)) = rest.split_once('<') {
        outside.push_str(before);
        outside.push(' ');
        rest = quoted.split_once('>').map_or(quoted, |(_, after)| after);
    }
    outside.push_str(rest);
    let mut words = String::from(" ");
    for word in outside.split(|c: char| c.is_whitespace() || matches!(c, '-' | '_' | '/')) {
        // A host name keeps its dots, so that no part of it is a word of its own.
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() && !word.contains('@') && Enhanced::at_start_of(word).is_none() {
            words.push_str(&word.to_ascii_lowercase());
            words.push(' ');
        }
    }
    words
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
        (Phase::Mail, 552, "5.2.3 message too large", Meaning::MessageTooBig),
        // One mailbox's own limit is that member's.
        (Phase::Rcpt, 552, "5.2.3 message exceeds local size limit", Meaning::Refused),
        (Phase::Dot, 550, "5.2.3 message length exceeds administrative limit", Meaning::Refused),
        (Phase::Rcpt, 552, "message size exceeds limit of this mailbox", Meaning::Refused),
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
        (Phase::Rcpt, 454, "Throttling failure: Maximum sending rate exceeded.", Meaning::Throttled),
        (Phase::Rcpt, 454, "Throttling failure: Daily message quota exceeded.", Meaning::Throttled),
        (Phase::Rcpt, 450, "too many connections from your host", Meaning::Throttled),
        (Phase::Dot, 450, "Too many messages from your host, slow down", Meaning::Throttled),
        (Phase::Rcpt, 451, "rate-limited, try again later", Meaning::Throttled),
        (Phase::Rcpt, 450, "4.7.1 connection limit exceeded", Meaning::Throttled),
        // The relay's own trouble, whatever its code
        (Phase::Dot, 451, "4.3.0 Error: queue file write error", Meaning::Throttled),
        (Phase::Rcpt, 452, "Insufficient system storage", Meaning::Throttled),
        (Phase::Rcpt, 451, "4.3.5 Server configuration error", Meaning::Throttled),
        (Phase::Rcpt, 451, "Server configuration problem", Meaning::Throttled),
        // What we may send in a day is used up: ours, whatever the code
        (Phase::Rcpt, 550, "5.4.5 Daily user sending limit exceeded", Meaning::Throttled),
        (Phase::Rcpt, 550, "5.4.5 Daily user sending\n5.4.5 limit exceeded", Meaning::Throttled),
        (Phase::Mail, 550, "5.4.5 Daily SMTP relay limit exceeded", Meaning::Throttled),
        (Phase::Dot, 554, "5.2.2 Submission.Exception:SubmissionQuotaExceededException; failed", Meaning::Throttled),
        (Phase::Rcpt, 550, "You have reached your sending limit", Meaning::Throttled),
        (Phase::Rcpt, 550, "too many messages sent today", Meaning::Throttled),
        (Phase::Rcpt, 452, "4.2.2 Submission quota exceeded", Meaning::Throttled),
        (Phase::Rcpt, 552, "5.2.2 Mailbox has too many messages, quota exceeded", Meaning::MailboxFull),
        (Phase::Rcpt, 450, "4.2.1 The user is receiving mail at a rate that prevents more", Meaning::TryLater),
        // Rate words are whole words, and not an address's or a host's
        (Phase::Rcpt, 450, "4.7.1 <u@corporate.jp>: Greylisted", Meaning::TryLater),
        (Phase::Rcpt, 450, "4.7.1 Greylisted by mx.limitless.jp", Meaning::TryLater),
        (Phase::Rcpt, 450, "4.7.1 <rate@limit.jp>: Greylisted", Meaning::TryLater),
        (Phase::Rcpt, 450, "4.7.1 rate@limit.jp is greylisted by rate.limit.jp", Meaning::TryLater),
        (Phase::Rcpt, 450, "greylisted, u@corporate.jp", Meaning::TryLater),
        (Phase::Rcpt, 550, "5.1.1 <daily@sending.limit.jp>: User unknown", Meaning::BadAddress),
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
