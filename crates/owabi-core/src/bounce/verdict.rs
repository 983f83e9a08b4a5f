//! What became of one recipient, and why: from fields, codes and words.

use super::dsn::Group;
use super::signs::{LASTING, Sign, Signs};
use super::{Class, Reason, Report, status};
use crate::reply::Enhanced;

/// Characters of a diagnostic that are kept.
const DIAGNOSTIC: usize = 1_000;

/// What DSN fields say; `words` is what the prose says of this recipient.
pub(super) fn of_fields(group: Group, words: &str) -> Report {
    // Sendmail writes its words behind the code.
    let remark = group.status.split_once('(').map_or("", |(_, remark)| remark.trim_end_matches(')'));
    let remark = remark.to_owned();
    let own = format!("{}\n{remark}\n{words}", group.diagnostic);
    let code = full_code(&group, words);
    let signs = Signs::of(&own);
    let class_digit = code.map(|code| code.class).or_else(|| status::basic(&own).map(leading_digit));
    let (class, is_final) = match group.action.as_str() {
        "delivered" | "relayed" | "expanded" => (Class::Delivered, true),
        // OpenSMTPD calls it a delay, too, when a mail has grown too old.
        "delayed" | "delay" | "deferred" => {
            (Class::Temporary, signs.has(Sign::GaveUp) && own.to_lowercase().contains("envelope expired"))
        }
        "expired" => (Class::Temporary, true),
        "failed" | "failure" | "error" | "undeliverable" | "bounced" => (failed(class_digit), true),
        _ => by_status(class_digit),
    };
    let said = [&group.diagnostic, &remark, words].into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default();
    Report {
        relayed: matches!(group.action.as_str(), "relayed" | "expanded"),
        reason: reason(class, code, status::basic(&own), signs),
        diagnostic: shortened(said),
        status: code.map(|code| code.to_string()),
        address: group.address,
        original: group.original.or_else(|| expanded_from(words)),
        class,
        is_final,
    }
}

/// Without an Action that is known, the status rules; without a status it is a failure that is told of.
fn by_status(class_digit: Option<u8>) -> (Class, bool) {
    match class_digit {
        Some(2) => (Class::Delivered, true),
        digit => (failed(digit), true),
    }
}

fn failed(class_digit: Option<u8>) -> Class {
    if class_digit == Some(4) { Class::Temporary } else { Class::Permanent }
}

/// The field `Status`; when it says only `x.0.0`, a fuller code of the same class from the diagnostic or the prose.
fn full_code(group: &Group, words: &str) -> Option<Enhanced> {
    let field = status::of_field(&group.status);
    if let Some(exact) = field.filter(|code| !status::is_vague(*code)) {
        return Some(exact);
    }
    let same_class = |code: &Enhanced| !status::is_vague(*code) && field.is_none_or(|field| field.class == code.class);
    let fuller =
        status::enhanced(&group.diagnostic).find(same_class).or_else(|| status::enhanced(words).find(same_class));
    fuller.or(field)
}

/// What free text says: `words` of this recipient, `prose` of the whole mail.
pub(super) struct Told<'a> {
    /// What is said of this recipient.
    pub(super) words: &'a str,
    /// The signs of the whole prose, subject included.
    pub(super) whole: Signs,
}

pub(super) fn of_words(address: String, told: &Told<'_>) -> Report {
    let code = status::fullest(told.words);
    let basic = status::basic(told.words);
    let own = Signs::of(told.words);
    let (class, is_final) = class_of_words(code, basic, own, told.whole);
    let signs = if own.gives_reason() { own } else { told.whole };
    Report {
        reason: reason(class, code, basic, signs),
        status: code.map(|code| code.to_string()),
        diagnostic: shortened(told.words),
        original: expanded_from(told.words),
        relayed: false,
        address,
        class,
        is_final,
    }
}

fn class_of_words(code: Option<Enhanced>, basic: Option<u16>, own: Signs, whole: Signs) -> (Class, bool) {
    let digit = code.map(|code| code.class).or_else(|| basic.map(leading_digit));
    let gave_up = own.has(Sign::GaveUp) || whole.has(Sign::GaveUp);
    match digit {
        Some(5) => (Class::Permanent, true),
        _ if whole.has(Sign::Delay) => (Class::Temporary, false),
        Some(4) => (Class::Temporary, true),
        _ if whole.delivers() => (Class::Delivered, true),
        // A server that was tried for days, or never reached, says nothing of the address.
        _ if (gave_up || own.has(Sign::Unreached)) && !own.any(LASTING) => (Class::Temporary, true),
        _ => (Class::Permanent, true),
    }
}

/// Why: a full mailbox first, for servers give it codes of every kind, then the code, then the words.
pub(super) fn reason(class: Class, code: Option<Enhanced>, basic: Option<u16>, signs: Signs) -> Reason {
    if class == Class::Delivered {
        return Reason::Other;
    }
    if signs.has(Sign::Full) && !matches!(code.map(|c| (c.subject, c.detail)), Some((2 | 3, 3 | 4))) {
        return Reason::MailboxFull;
    }
    let by_code = code.and_then(|code| by_code(code, signs));
    by_code.or_else(|| by_words(class, signs)).or_else(|| code.map(by_subject)).unwrap_or_else(|| by_basic(basic))
}

/// Codes that mean one thing. Those with detail 0 and the catch-alls are left to the words.
fn by_code(code: Enhanced, signs: Signs) -> Option<Reason> {
    let reason = match (code.class, code.subject, code.detail) {
        (_, 1, 7 | 8) => Reason::Policy,
        (5, 1, 1..=6 | 10) => Reason::BadAddress,
        (_, 2, 2) => Reason::MailboxFull,
        (_, 2, 3) | (_, 3, 4) => Reason::TooLarge,
        (5, 2, 1) => Reason::BadAddress,
        (_, 4, 7) => Reason::Expired,
        (5, 4, 4 | 310) => Reason::BadAddress,
        (5, 4, 1) if signs.has(Sign::NoUser) => Reason::BadAddress,
        (_, 4, 1 | 2 | 3 | 6 | 300..) if !signs.has(Sign::GaveUp) => Reason::Remote,
        (_, 7, _) => Reason::Policy,
        _ => return None,
    };
    Some(reason)
}

fn by_words(class: Class, signs: Signs) -> Option<Reason> {
    let expired = (Sign::GaveUp, Reason::Expired);
    let first = if class == Class::Temporary { Some(expired) } else { None };
    let order = [
        (Sign::Large, Reason::TooLarge),
        (Sign::Sender, Reason::Policy),
        (Sign::NoUser, Reason::BadAddress),
        (Sign::NoHost, Reason::BadAddress),
        (Sign::Policy, Reason::Policy),
        expired,
        (Sign::Unreached, Reason::Remote),
        (Sign::Remote, Reason::Remote),
    ];
    first.into_iter().chain(order).find(|(sign, _)| signs.has(*sign)).map(|(_, reason)| reason)
}

fn by_subject(code: Enhanced) -> Reason {
    match (code.class, code.subject) {
        (5, 1) => Reason::BadAddress,
        (_, 3 | 4) | (4, 1 | 2) => Reason::Remote,
        (_, 6) => Reason::Policy,
        _ => Reason::Other,
    }
}

fn by_basic(basic: Option<u16>) -> Reason {
    match basic {
        Some(552) => Reason::MailboxFull,
        Some(421 | 450..=451) => Reason::Remote,
        _ => Reason::Other,
    }
}

/// The address that we wrote, where a server says that it is another's name: `(expanded from: <a@b.jp>)`.
fn expanded_from(words: &str) -> Option<String> {
    let words = super::lines::cut(words, 400);
    let marks = ["expanded from", "generated from", "originally addressed to"];
    let rest = marks.iter().find_map(|mark| words.find(mark).map(|at| &words[at + mark.len()..]))?;
    let first = super::addresses::in_line(super::lines::cut(rest, 330)).into_iter().next()?;
    (first.start <= 6).then_some(first.address)
}

fn leading_digit(code: u16) -> u8 {
    if code / 100 == 4 { 4 } else { 5 }
}

fn shortened(text: &str) -> Option<String> {
    let mut words = String::new();
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || ":.,;->*|\"'=#".contains(c));
    for word in super::lines::cut(text, DIAGNOSTIC * 2).split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    (!words.is_empty()).then(|| super::lines::cut(&words, DIAGNOSTIC).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(action: &str, status: &str, diagnostic: &str) -> Group {
        Group {
            address: "a@b.jp".into(),
            action: action.into(),
            status: status.into(),
            diagnostic: diagnostic.into(),
            ..Group::default()
        }
    }

    #[test]
    fn the_action_and_the_first_digit_of_the_status_tell_the_class() {
        for (action, status, class, is_final, relayed) in [
            ("failed", "5.1.1", Class::Permanent, true, false),
            ("failed", "4.4.7", Class::Temporary, true, false),
            ("failed", "", Class::Permanent, true, false),
            ("delayed", "4.4.1", Class::Temporary, false, false),
            ("delivered", "2.0.0", Class::Delivered, true, false),
            ("relayed", "2.0.0", Class::Delivered, true, true),
            ("expanded", "2.0.0", Class::Delivered, true, true),
            ("expired", "", Class::Temporary, true, false),
            ("error", "5.0.0", Class::Permanent, true, false),
            ("", "4.2.2", Class::Temporary, true, false),
            ("", "2.1.5", Class::Delivered, true, false),
        ] {
            let report = of_fields(group(action, status, ""), "");
            assert_eq!(
                (report.class, report.is_final, report.relayed),
                (class, is_final, relayed),
                "{action} {status}"
            );
        }
    }

    #[test]
    fn a_vague_status_is_made_full_by_the_diagnostic_and_then_by_the_prose() {
        let status =
            |status: &str, diagnostic: &str, words: &str| of_fields(group("failed", status, diagnostic), words).status;
        assert_eq!(status("5.0.0", "550 5.1.1 no", "").as_deref(), Some("5.1.1"));
        assert_eq!(status("5.0.0", "550 no", "said: 550-5.2.1 no").as_deref(), Some("5.2.1"));
        assert_eq!(status("5.0.0", "450 4.1.1 no", "").as_deref(), Some("5.0.0"));
        assert_eq!(status("5.1.1", "552 5.2.2 full", "").as_deref(), Some("5.1.1"));
        assert_eq!(status("", "550 no", ""), None);
    }

    #[test]
    fn a_full_mailbox_is_never_a_bad_address() {
        for (status, diagnostic) in [
            ("5.2.2", ""),
            ("4.2.2", ""),
            ("5.1.1", "552 5.2.2 Over quota"),
            ("5.0.0", "550 mailbox is full"),
            ("5.0.0", "容量を超えています"),
        ] {
            assert_eq!(
                of_fields(group("failed", status, diagnostic), "").reason,
                Reason::MailboxFull,
                "{status} {diagnostic}"
            );
        }
    }

    #[test]
    fn the_reason_comes_from_the_code_and_else_from_the_words() {
        for (status, diagnostic, reason) in [
            ("5.1.1", "", Reason::BadAddress),
            ("5.7.1", "user unknown", Reason::Policy),
            ("5.3.4", "", Reason::TooLarge),
            ("5.2.3", "", Reason::TooLarge),
            ("4.4.7", "", Reason::Expired),
            ("4.4.1", "connection refused", Reason::Remote),
            ("5.0.0", "550 unknown user", Reason::BadAddress),
            ("5.0.0", "554 blocked using a blacklist", Reason::Policy),
            ("5.0.0", "550 no", Reason::Other),
            ("5.4.4", "Host not found", Reason::BadAddress),
        ] {
            assert_eq!(of_fields(group("failed", status, diagnostic), "").reason, reason, "{status} {diagnostic}");
        }
    }

    #[test]
    fn words_tell_a_delay_a_surrender_and_a_refusal_apart() {
        for (words, class, is_final) in [
            ("550 no such user", Class::Permanent, true),
            ("mailbox is full", Class::Permanent, true),
            ("retry timeout exceeded", Class::Temporary, true),
            ("connection refused", Class::Temporary, true),
            ("451 4.7.1 try again later", Class::Temporary, true),
            ("delivery has been delayed; connection refused", Class::Temporary, false),
            ("something odd", Class::Permanent, true),
        ] {
            let report = of_words("a@b.jp".into(), &Told { words, whole: Signs::of(words) });
            assert_eq!((report.class, report.is_final), (class, is_final), "{words}");
        }
    }

    #[test]
    fn the_address_that_was_expanded_is_the_one_that_we_wrote() {
        for words in ["(expanded from: <a@b.jp>)", "\n    (ultimately generated from a@b.jp)\n 550 no"] {
            let report = of_words("c@d.jp".into(), &Told { words, whole: Signs::default() });
            assert_eq!(report.original.as_deref(), Some("a@b.jp"), "{words}");
        }
    }

    #[test]
    fn an_expired_envelope_is_the_end_although_the_action_says_delayed() {
        assert!(of_fields(group("delayed", "4.4.7", ""), "Envelope expired").is_final);
        assert!(!of_fields(group("delayed", "4.4.7", ""), "Connection timed out").is_final);
    }
}
