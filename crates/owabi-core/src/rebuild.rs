//! What a mail that left was made of: which text, which address, which date. What the rows say leaves at most a few
//! possibilities; the hash in the intent tells which of them it was.

use crate::address::Address;
use serde::{Deserialize, Serialize};

/// A release: from then on its text is sent to those who were held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Epoch milliseconds: the date of the mails of round 1.
    pub at: i64,
    /// Of template and facts, 64 hexadecimal digits.
    pub fingerprint: String,
}

/// A resend: it began a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resent {
    /// The round that it began.
    pub round: i64,
    /// Epoch milliseconds: the date of the mails of this round.
    pub at: i64,
    /// Of template and facts.
    pub fingerprint: String,
}

/// An address that a person corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// Epoch milliseconds.
    pub at: i64,
    /// The address until then.
    pub old_email: Option<String>,
    /// The address from then on.
    pub new_email: String,
}

/// What is known of one member beside the roster's words.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// The address now.
    pub email: Option<&'a str>,
    /// The round now.
    pub round: i64,
    /// When this round was queued.
    pub queued_at: Option<i64>,
    /// The notice's releases, oldest first.
    pub releases: &'a [Released],
    /// The member's resends.
    pub resends: &'a [Resent],
    /// The member's corrections, oldest first.
    pub corrections: &'a [Corrected],
}

/// What the intent says of a mail.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// When its body was about to leave.
    pub at: i64,
    /// The recipient as it went over the wire.
    pub rcpt_to: &'a str,
    /// Without angle brackets.
    pub message_id: &'a str,
}

/// What a mail may have been made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Its Date, epoch milliseconds.
    pub dated_at_ms: i64,
    /// Its text.
    pub fingerprint: String,
    /// The member's address then.
    pub email: String,
}

/// The round that a Message-ID of ours names.
pub fn round_of(message_id: &str) -> Option<i64> {
    message_id.split('.').nth(1)?.parse().ok()
}

/// All that a mail may have been made of, the likeliest first; empty when what is kept says nothing of it.
pub fn origins(of: &History<'_>, sent: &Sent<'_>) -> Vec<Origin> {
    let round = round_of(sent.message_id).unwrap_or(1);
    let emails = emails(of, sent);
    let mut origins = Vec::new();
    for (dated_at_ms, fingerprint) in texts(of, sent, round) {
        for email in &emails {
            let origin = Origin { dated_at_ms, fingerprint: fingerprint.clone(), email: email.clone() };
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
    origins
}

/// The dates and texts that a mail of this round may have, the likeliest first. A later round's stand in its resend; round 1 was queued by one of the releases before the mail.
pub fn texts(of: &History<'_>, sent: &Sent<'_>, round: i64) -> Vec<(i64, String)> {
    let resent = of.resends.iter().filter(|resent| resent.round == round);
    let mut texts: Vec<(i64, String)> = resent.map(|resent| (resent.at, resent.fingerprint.clone())).collect();
    if !texts.is_empty() {
        return texts;
    }
    let earlier = || of.releases.iter().rev().filter(|release| release.at <= sent.at);
    let own = of.queued_at.filter(|_| of.round == round);
    let dates = own.into_iter().chain(earlier().map(|release| release.at));
    for date in dates {
        let same = earlier().filter(|release| release.at == date);
        // Rows that another system queued have a date that is no release's: their text is that of the last release.
        texts.extend(same.chain(earlier()).map(|release| (date, release.fingerprint.clone())));
    }
    texts
}

/// The addresses that the member had around that time and that the wire's form can come from.
fn emails(of: &History<'_>, sent: &Sent<'_>) -> Vec<String> {
    let (before, after): (Vec<_>, Vec<_>) = of.corrections.iter().partition(|corrected| corrected.at <= sent.at);
    let before = before.into_iter().rev().flat_map(|one| [Some(one.new_email.as_str()), one.old_email.as_deref()]);
    let after = after.into_iter().flat_map(|one| [one.old_email.as_deref(), Some(one.new_email.as_str())]);
    let all = before.chain(after).chain([of.email]).flatten();
    all.filter(|email| is_form_of(sent.rcpt_to, email)).map(str::to_owned).collect()
}

/// Whether `rcpt_to` is this address, quoted or in the plain form of a carrier.
fn is_form_of(rcpt_to: &str, email: &str) -> bool {
    rcpt_to == email || Address::from_stored(email).is_ok_and(|address| address.envelope() == rcpt_to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "x";

    fn released(at: i64, fingerprint: &str) -> Released {
        Released { at, fingerprint: fingerprint.into() }
    }

    fn history<'a>(releases: &'a [Released], resends: &'a [Resent], corrections: &'a [Corrected]) -> History<'a> {
        History { email: Some("now@example.jp"), round: 1, queued_at: Some(10), releases, resends, corrections }
    }

    fn sent<'a>(at: i64, rcpt_to: &'a str, message_id: &'a str) -> Sent<'a> {
        Sent { at, rcpt_to, message_id }
    }

    fn origin(dated_at_ms: i64, fingerprint: &str, email: &str) -> Origin {
        Origin { dated_at_ms, fingerprint: fingerprint.into(), email: email.into() }
    }

    #[test]
    fn a_first_mail_has_date_and_text_of_the_release_that_queued_it() {
        let releases = [released(10, X), released(20, "y")];
        let found = origins(&history(&releases, &[], &[]), &sent(30, "now@example.jp", "a.1.mac@example.jp"));
        assert_eq!(found[0], origin(10, X, "now@example.jp"));
        let later = History { round: 2, queued_at: Some(99), ..history(&releases, &[], &[]) };
        let found = origins(&later, &sent(15, "now@example.jp", "a.1.mac@example.jp"));
        assert_eq!(found, [origin(10, X, "now@example.jp")], "the second release came after the mail");
    }

    #[test]
    fn a_mail_of_a_later_round_has_date_and_text_of_its_resend() {
        let resends = [Resent { round: 2, at: 50, fingerprint: "z".into() }];
        let found =
            origins(&history(&[released(10, X)], &resends, &[]), &sent(60, "now@example.jp", "a.2.mac@example.jp"));
        assert_eq!(found, [origin(50, "z", "now@example.jp")]);
    }

    #[test]
    fn the_address_is_the_one_of_that_time_in_either_form() {
        let old = "abc..def@docomo.ne.jp";
        let corrections = [Corrected { at: 40, old_email: Some(old.into()), new_email: "now@example.jp".into() }];
        let releases = [released(10, X)];
        let history = history(&releases, &[], &corrections);
        for form in ["\"abc..def\"@docomo.ne.jp", old] {
            assert_eq!(origins(&history, &sent(30, form, "a.1.m@e"))[0], origin(10, X, old), "{form}");
        }
        assert_eq!(origins(&history, &sent(41, "now@example.jp", "a.1.m@e"))[0], origin(10, X, "now@example.jp"));
        assert!(origins(&history, &sent(30, "stranger@example.jp", "a.1.m@e")).is_empty());
    }

    #[test]
    fn a_message_id_names_its_round() {
        assert_eq!(["a.1.mac@x", "zz.12.mac@x", "nothing", "a.b.c"].map(round_of), [Some(1), Some(12), None, None]);
    }
}
