//! `owabi run` as a service: what the service manager is told, the proof that the loops go on, and signals.
//!
//! [`Manager`] speaks `sd_notify(3)`, [`Pulses`] know which loop does nothing any more, [`Keeper`] is the thread that looks at them,
//! feeds the watchdog and tells the status. What the daemon knows of itself as a service is in [`Service`].

mod keeper;
mod longest;
mod manager;
mod pulse;
mod signals;
mod status;

pub use keeper::Keeper;
pub use longest::Longest;
pub use manager::{Manager, VARIABLES, watchdog};
pub use pulse::{Pulse, Pulses, Wedged};
pub use signals::Signals;
pub use status::Members;
pub(crate) use status::{keep_counting, stopping};

use crate::dispatch::Trouble;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Where the daemon is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It is not ready yet.
    #[default]
    Starting,
    /// It does what it is there for.
    Running,
    /// It goes over to another configuration: mails under way finish first.
    Reloading,
    /// It ends: mails under way finish first.
    Stopping,
}

/// What the daemon knows of itself as a service. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Service(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    refused: Option<Trouble>,
    members: Option<Members>,
    patience: Option<Instant>,
}

impl Service {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is in its life.
    pub fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// It enters another phase. Nothing comes after the end.
    pub fn enter(&self, phase: Phase) {
        let mut state = self.lock();
        if state.phase != Phase::Stopping {
            state.phase = phase;
        }
    }

    /// It goes on, and may take until then before it is ready, or ready again.
    pub fn may_take_until(&self, until: Instant) {
        self.lock().patience = Some(until);
    }

    /// Whether it is on its way at `now`, and in its time.
    pub fn is_on_its_way(&self, now: Instant) -> bool {
        let state = self.lock();
        let on_its_way = matches!(state.phase, Phase::Starting | Phase::Reloading);
        on_its_way && state.patience.is_some_and(|until| now < until)
    }

    /// Why the configuration on disk is not the one in use, if it was refused.
    pub fn refused(&self) -> Option<Trouble> {
        self.lock().refused.clone()
    }

    /// The configuration on disk was refused at `now` (epoch milliseconds), or is in use.
    pub fn configuration(&self, refused: Option<String>, now: i64) {
        let mut state = self.lock();
        let since = state.refused.as_ref().map_or(now, |before| before.since);
        state.refused = refused.map(|why| Trouble { since, why });
    }

    /// The members as they were counted last.
    pub fn members(&self) -> Option<Members> {
        self.lock().members
    }

    /// The members were counted.
    pub fn counted(&self, members: Members) {
        self.lock().members = Some(members);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::time::Duration;

    #[test]
    fn a_refused_configuration_counts_from_its_first_refusal_until_a_good_one_is_loaded() {
        let service = Service::default();
        service.configuration(Some("line 3".into()), 10);
        service.configuration(Some("line 4".into()), 20);
        assert_eq!(service.refused(), Some(Trouble { since: 10, why: "line 4".into() }));
        service.configuration(None, 30);
        assert_eq!(service.refused(), None);
    }

    #[test]
    fn it_is_on_its_way_until_it_is_ready_or_its_time_is_over() {
        let (service, now, second) = (Service::default(), clock::monotonic(), Duration::from_secs(1));
        assert!(!service.is_on_its_way(now), "nothing says that it goes on");
        service.may_take_until(now + second);
        assert!(service.is_on_its_way(now) && !service.is_on_its_way(now + second));
        service.may_take_until(now + 9 * second);
        assert!(service.is_on_its_way(now + second));
        let on_its_way = |phase| {
            service.enter(phase);
            service.is_on_its_way(now)
        };
        assert!(!on_its_way(Phase::Running) && on_its_way(Phase::Reloading) && !on_its_way(Phase::Stopping));
    }

    #[test]
    fn nothing_comes_after_the_end() {
        let service = Service::default();
        service.enter(Phase::Stopping);
        service.enter(Phase::Running);
        assert_eq!(service.phase(), Phase::Stopping);
    }
}
