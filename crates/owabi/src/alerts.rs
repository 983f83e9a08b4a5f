//! What a person must know at once: counted for whoever watches the machine, written into the ledger, mailed, and handed to a
//! program. Nothing here ever holds up the sending.
//!
//! [`Alerts::raise`] only notes; [`deliver::Deliverer`] tells. A trouble that lasts is told once, and again after an hour.

mod daily;
mod deliver;
mod mail;
mod program;

pub use daily::follow as follow_daily;
pub use deliver::{Deliverer, Unsent};

use crate::cli::say::Text;
use crate::clock::now_ms;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A trouble that lasts is told again after so long (milliseconds).
const AGAIN_MS: i64 = 3_600_000;
/// So many alerts wait to be told at the most; the counts go on.
const WAITING: usize = 256;

/// What an alert is about. The words are those of the ledger, of `/health` and of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Too many failures: the notice was paused.
    BreakerTripped,
    /// The first mails failed: the notice was paused.
    CanaryFailed,
    /// The first mails are well: for information.
    CanaryPassed,
    /// A mail is larger than the relay takes: the notice was paused.
    MessageTooLarge,
    /// A relay cannot be used for more than a minute.
    RelayPaused,
    /// The database cannot be used for more than a minute.
    DatabaseAway,
    /// The files of a released notice are not what was released.
    TextChanged,
    /// The ledger cannot be sealed.
    SealTrouble,
    /// The configuration on disk was refused at a reload, or could not be used: the old one is in use.
    ConfigurationRefused,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::BreakerTripped,
        Self::CanaryFailed,
        Self::CanaryPassed,
        Self::MessageTooLarge,
        Self::RelayPaused,
        Self::DatabaseAway,
        Self::TextChanged,
        Self::SealTrouble,
        Self::ConfigurationRefused,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BreakerTripped => "breaker_tripped",
            Self::CanaryFailed => "canary_failed",
            Self::CanaryPassed => "canary_passed",
            Self::MessageTooLarge => "message_too_large",
            Self::RelayPaused => "relay_paused",
            Self::DatabaseAway => "database_away",
            Self::TextChanged => "text_changed",
            Self::SealTrouble => "seal_trouble",
            Self::ConfigurationRefused => "configuration_refused",
        }
    }

    /// It lasts, and is found again and again; the others happen once.
    fn lasts(self) -> bool {
        match self {
            Self::RelayPaused
            | Self::DatabaseAway
            | Self::TextChanged
            | Self::SealTrouble
            | Self::ConfigurationRefused => true,
            Self::BreakerTripped | Self::CanaryFailed | Self::CanaryPassed | Self::MessageTooLarge => false,
        }
    }
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// When (epoch milliseconds).
    pub at: i64,
    /// What it is about.
    pub kind: Kind,
    /// The notice, if it is about one.
    pub notice: Option<String>,
    /// For a person. No name and no address of a member, and no word of a relay.
    pub text: Text,
}

/// How often something was told, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How often since the start.
    pub count: u64,
    /// When last (epoch milliseconds).
    pub last: Option<i64>,
}

/// Where alerts are raised, and counted. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Alerts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    told: BTreeMap<Kind, Told>,
    /// Troubles that last, by kind and by what they are about, and when they were last told.
    lasting: BTreeMap<(Kind, String), i64>,
    waiting: VecDeque<Alert>,
}

impl State {
    /// Notes an alert, unless it is one that lasts and was told within the hour.
    fn raise(&mut self, alert: Alert, about: String) -> bool {
        let (kind, at) = (alert.kind, alert.at);
        if kind.lasts() {
            let last = self.lasting.get(&(kind, about.clone()));
            if last.is_some_and(|last| at - last < AGAIN_MS) {
                return false;
            }
            self.lasting.insert((kind, about), at);
        }
        let told = self.told.entry(kind).or_default();
        *told = Told { count: told.count + 1, last: Some(at) };
        if self.waiting.len() < WAITING {
            self.waiting.push_back(alert);
        }
        true
    }
}

impl Alerts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened, about this notice if about any. It may be called as often as it is found: see [`Alerts`].
    pub fn raise(&self, kind: Kind, notice: Option<&str>, text: Text) {
        self.raise_about(kind, notice, notice.unwrap_or_default(), text);
    }

    /// The same about something that has a name and is no notice, such as a relay.
    pub fn raise_about(&self, kind: Kind, notice: Option<&str>, about: &str, text: Text) {
        let alert = Alert { at: now_ms(), kind, notice: notice.map(str::to_owned), text };
        let said = alert.text.en.clone();
        if !self.lock().raise(alert, about.to_owned()) {
            return;
        }
        if kind == Kind::CanaryPassed {
            tracing::info!(kind = kind.as_str(), notice, said, "alert");
        } else {
            tracing::warn!(kind = kind.as_str(), notice, said, "alert");
        }
        self.0.news.notify_one();
    }

    /// A trouble that lasted, about this notice, relay or nothing (`""`), is over: the next one is told at once.
    pub fn over(&self, kind: Kind, about: &str) {
        self.lock().lasting.remove(&(kind, about.to_owned()));
    }

    /// How often each kind was told.
    pub fn told(&self) -> BTreeMap<Kind, Told> {
        let state = self.lock();
        Kind::ALL.iter().map(|kind| (*kind, state.told.get(kind).copied().unwrap_or_default())).collect()
    }

    fn next(&self) -> Option<Alert> {
        self.lock().waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(kind: Kind, at: i64) -> Alert {
        Alert { at, kind, notice: None, text: Text::same("x") }
    }

    fn told(state: &mut State, kind: Kind, about: &str, at: i64) -> bool {
        state.raise(alert(kind, at), about.to_owned())
    }

    #[test]
    fn a_trouble_that_lasts_is_told_once_an_hour_and_each_relay_for_itself() {
        let mut state = State::default();
        let second = |n: i64| n * 1_000;
        let times = (0..7_300).filter(|n| told(&mut state, Kind::RelayPaused, "a", second(*n))).collect::<Vec<_>>();
        assert_eq!(times, [0, 3_600, 7_200]);
        assert!(told(&mut state, Kind::RelayPaused, "b", second(7_300)));
        assert!(told(&mut state, Kind::DatabaseAway, "a", second(7_300)));
        assert_eq!(state.told[&Kind::RelayPaused], Told { count: 4, last: Some(second(7_300)) });
    }

    #[test]
    fn a_trouble_that_comes_back_after_it_was_over_is_told_again() {
        let alerts = Alerts::default();
        let raise = || alerts.raise(Kind::SealTrouble, None, Text::same("x"));
        raise();
        raise();
        assert_eq!(alerts.told()[&Kind::SealTrouble].count, 1);
        alerts.over(Kind::SealTrouble, "");
        raise();
        assert_eq!(alerts.told()[&Kind::SealTrouble].count, 2);
        assert_eq!(alerts.told().len(), Kind::ALL.len(), "what was never told is told of, too");
    }

    #[test]
    fn what_happens_once_is_told_each_time_and_what_waits_is_bounded() {
        let mut state = State::default();
        for at in 0..1_000 {
            assert!(told(&mut state, Kind::BreakerTripped, "leak", at));
        }
        assert_eq!((state.waiting.len(), state.told[&Kind::BreakerTripped].count), (WAITING, 1_000));
    }
}
