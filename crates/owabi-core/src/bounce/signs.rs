//! What phrases tell: one pass over a text finds every phrase of the tables.

use super::lines::flat;
use super::phrases;
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// What a phrase is a sign of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// A mail was not delivered, whatever the reason.
    Failed,
    /// Not yet delivered; the server goes on trying.
    Delay,
    /// The server stopped trying.
    GaveUp,
    /// The mailbox is full.
    Full,
    /// Our side of the envelope is refused.
    Sender,
    /// No such mailbox.
    NoUser,
    /// No such domain or host.
    NoHost,
    /// Refused for what we are or say.
    Policy,
    /// Too large.
    Large,
    /// The server could not be reached.
    Unreached,
    /// The server was at fault.
    Remote,
    /// It was delivered.
    Delivered,
    /// A person's account answers for its owner.
    Away,
    /// Somebody wants something done before mail gets through.
    Challenge,
    /// Help is offered: an address near it is nobody's failure.
    Help,
}

/// Reasons that a further try would meet again.
pub(super) const LASTING: &[Sign] = &[Sign::Sender, Sign::NoUser, Sign::NoHost, Sign::Policy, Sign::Large];

/// A set of signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs(u16);

impl Signs {
    /// The signs in `text`.
    pub(super) fn of(text: &str) -> Self {
        Self::of_flat(&flat(text))
    }

    /// The signs in a text that is flat already.
    pub(super) fn of_flat(text: &str) -> Self {
        let Some(phrases) = PHRASES.as_ref() else { return Self::default() };
        let found = phrases.find_overlapping_iter(text).filter_map(|hit| SIGN_OF.get(hit.pattern().as_usize()));
        Self(found.fold(0, |set, sign| set | bit(*sign)))
    }

    pub(super) fn has(self, sign: Sign) -> bool {
        self.0 & bit(sign) != 0
    }

    pub(super) fn any(self, signs: &[Sign]) -> bool {
        signs.iter().any(|sign| self.has(*sign))
    }

    /// Some mail was not delivered, or not yet.
    pub(super) fn fails(self) -> bool {
        self.any(&[Sign::Failed, Sign::Delay]) || self.gives_reason()
    }

    /// It was delivered, and nothing else is said: a mail that waits for a moderator or in a quarantine was not.
    pub(super) fn delivers(self) -> bool {
        self.has(Sign::Delivered) && !self.fails() && !self.has(Sign::Challenge)
    }

    /// It says why.
    pub(super) fn gives_reason(self) -> bool {
        self.any(&[Sign::GaveUp, Sign::Full, Sign::Unreached, Sign::Remote]) || self.any(LASTING)
    }
}

fn bit(sign: Sign) -> u16 {
    1 << sign as u16
}

static PHRASES: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(phrases::signs().map(|(_, phrase)| phrase)).ok());

static SIGN_OF: LazyLock<Vec<Sign>> = LazyLock::new(|| phrases::signs().map(|(sign, _)| sign).collect());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_is_found_as_it_is_written_so_all_are_flat() {
        assert!(PHRASES.is_some());
        for (sign, phrase) in phrases::signs() {
            assert_eq!(flat(phrase), phrase, "a phrase must be flat to be found");
            assert!(Signs::of(&format!("x {phrase} x")).has(sign), "{phrase}");
        }
    }

    #[test]
    fn nothing_is_delivered_that_failed_or_waits_for_somebody() {
        assert!(Signs::of("Your message was successfully delivered").delivers());
        for text in [
            "not successfully delivered",
            "has been delivered to the moderator for approval",
            "successfully delivered to one; the other could not be delivered",
            "正常に配信されませんでした",
        ] {
            assert!(!Signs::of(text).delivers(), "{text}");
        }
    }

    #[test]
    fn signs_are_told_across_line_ends() {
        let signs = Signs::of("Your message could not\n   be delivered: the mailbox\nis full");
        assert!(signs.has(Sign::Failed) && signs.has(Sign::Full) && !signs.has(Sign::NoUser));
    }
}
