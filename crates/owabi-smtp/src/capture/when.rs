//! The conditions of a rule.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::envelope::{Envelope, Recipient};
use super::script::Point;

/// A test's own condition on an envelope.
pub type Predicate = Arc<dyn Fn(&Envelope) -> bool + Send + Sync>;

/// Where, for whom, and which of the occurrences.
#[derive(Debug, Clone)]
pub struct When {
    /// Where in the conversation.
    pub point: Point,
    /// For whom. At RCPT the recipient in question counts, elsewhere any recipient of the mail.
    pub who: Who,
    /// Which of the occurrences at this point that match `who`.
    pub which: Which,
}

/// Whose mail a rule is about.
#[derive(Clone, Default)]
pub enum Who {
    /// Everyone's.
    #[default]
    Anyone,
    /// Exactly this recipient's.
    Recipient(String),
    /// The recipients of this domain.
    Domain(String),
    /// Recipients whose address contains this.
    Contains(String),
    /// Recipients whose address matches this pattern; `*` stands for anything.
    Glob(String),
    /// About `per_mille` of all recipients, always the same ones for the same seed.
    Share {
        /// How many of a thousand.
        per_mille: u64,
        /// Chooses another set.
        seed: u64,
    },
    /// What the test says.
    Envelope(Predicate),
}

/// Which of the matching occurrences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Which {
    /// All.
    #[default]
    Every,
    /// The n-th, counted from 1 over all connections.
    Nth(u64),
    /// Each n-th.
    EveryNth(u64),
    /// All, once this many mails were taken on the connection.
    AfterMails(u64),
    /// The first occurrence for each recipient.
    FirstForRecipient,
    /// Those of a triplet (client, sender, recipient) that was first seen less than `delay` ago.
    Greylisted {
        /// How long a triplet stays unknown.
        delay: Duration,
    },
    /// About `per_mille` of the occurrences, in the same order for the same seed.
    Sometimes {
        /// How many of a thousand.
        per_mille: u64,
        /// Chooses another order.
        seed: u64,
    },
}

impl From<Point> for When {
    fn from(point: Point) -> Self {
        Self::at(point)
    }
}

impl When {
    /// Everyone, every time.
    pub fn at(point: Point) -> Self {
        Self { point, who: Who::Anyone, which: Which::Every }
    }

    /// Only for this recipient.
    #[must_use]
    pub fn recipient(self, address: impl Into<String>) -> Self {
        Self { who: Who::Recipient(address.into()), ..self }
    }

    /// Only for recipients of this domain.
    #[must_use]
    pub fn domain(self, domain: impl Into<String>) -> Self {
        Self { who: Who::Domain(domain.into()), ..self }
    }

    /// Only for recipients that contain this.
    #[must_use]
    pub fn contains(self, part: impl Into<String>) -> Self {
        Self { who: Who::Contains(part.into()), ..self }
    }

    /// Only for recipients like this pattern.
    #[must_use]
    pub fn glob(self, pattern: impl Into<String>) -> Self {
        Self { who: Who::Glob(pattern.into()), ..self }
    }

    /// Only for about `per_mille` of all recipients.
    #[must_use]
    pub fn share(self, per_mille: u64, seed: u64) -> Self {
        Self { who: Who::Share { per_mille, seed }, ..self }
    }

    /// Only for envelopes that the test chooses.
    #[must_use]
    pub fn envelope(self, predicate: impl Fn(&Envelope) -> bool + Send + Sync + 'static) -> Self {
        Self { who: Who::Envelope(Arc::new(predicate)), ..self }
    }

    /// Only the n-th time, counted from 1.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        Self { which: Which::Nth(n), ..self }
    }

    /// Only each n-th time.
    #[must_use]
    pub fn every_nth(self, n: u64) -> Self {
        Self { which: Which::EveryNth(n), ..self }
    }

    /// Only after so many mails on the connection.
    #[must_use]
    pub fn after_mails(self, n: u64) -> Self {
        Self { which: Which::AfterMails(n), ..self }
    }

    /// Only the first time for each recipient.
    #[must_use]
    pub fn first_for_recipient(self) -> Self {
        Self { which: Which::FirstForRecipient, ..self }
    }

    /// Only while the triplet is younger than `delay`.
    #[must_use]
    pub fn greylisted(self, delay: Duration) -> Self {
        Self { which: Which::Greylisted { delay }, ..self }
    }

    /// Only about `per_mille` of the times.
    #[must_use]
    pub fn sometimes(self, per_mille: u64, seed: u64) -> Self {
        Self { which: Which::Sometimes { per_mille, seed }, ..self }
    }
}

impl Who {
    pub(super) fn matches(&self, envelope: &Envelope, concerned: &[Recipient]) -> bool {
        match self {
            Self::Anyone => true,
            Self::Envelope(predicate) => predicate(envelope),
            _ => concerned.iter().any(|recipient| self.matches_recipient(recipient)),
        }
    }

    fn matches_recipient(&self, recipient: &Recipient) -> bool {
        let address = recipient.address.as_str();
        match self {
            Self::Anyone | Self::Envelope(_) => true,
            Self::Recipient(wanted) => address == wanted,
            Self::Domain(wanted) => recipient.domain().eq_ignore_ascii_case(wanted),
            Self::Contains(part) => address.contains(part.as_str()),
            Self::Glob(pattern) => glob(pattern, address),
            Self::Share { per_mille, seed } => chosen(address.bytes().map(u64::from), *seed, *per_mille),
        }
    }
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("Anyone"),
            Self::Recipient(address) => write!(f, "Recipient({address})"),
            Self::Domain(domain) => write!(f, "Domain({domain})"),
            Self::Contains(part) => write!(f, "Contains({part})"),
            Self::Glob(pattern) => write!(f, "Glob({pattern})"),
            Self::Share { per_mille, seed } => write!(f, "Share({per_mille}, {seed})"),
            Self::Envelope(_) => f.write_str("Envelope(..)"),
        }
    }
}

/// Whether a hash of the values falls into so many of a thousand.
pub(super) fn chosen(values: impl Iterator<Item = u64>, seed: u64, per_mille: u64) -> bool {
    let mixed = values.fold(mix(seed), |hash, value| mix(hash ^ value));
    mixed % 1000 < per_mille
}

/// The finaliser of splitmix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.into_iter().any(|at| glob(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(glob("*@docomo.ne.jp", "a..b@docomo.ne.jp"));
        assert!(glob("taro*@*.jp", "taro1@example.jp"));
        assert!(glob("*", ""));
        assert!(!glob("*@docomo.ne.jp", "a@docomo.ne.jp.example"));
        assert!(!glob("taro", "taro1"));
    }

    #[test]
    fn a_share_is_about_as_large_as_asked_and_always_the_same() {
        let pick = |n: u64| chosen([n].into_iter(), 7, 100);
        let count = (0..10_000).filter(|n| pick(*n)).count();
        assert!((800..1200).contains(&count), "{count}");
        assert_eq!(count, (0..10_000).filter(|n| pick(*n)).count());
    }
}
