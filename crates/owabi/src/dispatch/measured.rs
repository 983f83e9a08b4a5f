//! What is measured on a mail's way, for `GET /metrics`. A connection asks for its relay's meter once; a mail costs one
//! atomic increment and one short lock that only the couriers of its relay share.

use owabi_core::settle::Word;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use std::time::Duration;

/// Seconds: a relay beside this machine answers in milliseconds, and the longest wait for a dot's reply is minutes.
const ATTEMPT: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// Seconds: one fsync, and what a busy or distant database makes of it.
const COMMIT: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const WORDS: [Word; 5] = [Word::Accepted, Word::Deferred, Word::Failed, Word::InDoubt, Word::NotSent];

/// The labels of one series, in the order of its family.
pub(crate) type Labels = Vec<(&'static str, String)>;
/// A histogram a relay.
pub(crate) type Durations = Family<Labels, Histogram, fn() -> Histogram>;

/// All that is measured. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Attempts by `relay` and `outcome`.
    pub(crate) attempts: Family<Labels, Counter>,
    /// How long attempts took, by `relay` (seconds).
    pub(crate) durations: Durations,
    /// How long group commits took (seconds).
    pub(crate) commits: Histogram,
}

impl Default for Measured {
    fn default() -> Self {
        let durations = Durations::new_with_constructor(|| Histogram::new(ATTEMPT));
        Self { attempts: Family::default(), durations, commits: Histogram::new(COMMIT) }
    }
}

impl Measured {
    /// The meter of one relay, by its name in the configuration. Its series are there from then on.
    pub(super) fn relay(&self, name: &str) -> Meter {
        let relay = ("relay", name.to_owned());
        let outcome = |word: Word| vec![relay.clone(), ("outcome", word.as_str().to_owned())];
        let outcomes = WORDS.map(|word| (word, self.attempts.get_or_create_owned(&outcome(word))));
        Meter { outcomes, duration: self.durations.get_or_create_owned(&vec![relay]) }
    }

    /// A group was committed.
    pub(super) fn committed(&self, took: Duration) {
        self.commits.observe(took.as_secs_f64());
    }
}

/// What one connection counts into.
#[derive(Debug)]
pub(super) struct Meter {
    outcomes: [(Word, Counter); 5],
    duration: Histogram,
}

impl Meter {
    /// An attempt came to its end after so long.
    pub(super) fn count(&self, word: Word, took: Duration) {
        if let Some((_, counter)) = self.outcomes.iter().find(|(of, _)| *of == word) {
            counter.inc();
        }
        self.duration.observe(took.as_secs_f64());
    }
}
