//! What is known of one relay: whether it may be used now, how fast, and whether it refuses everybody.
//!
//! Its own faults pause it with growing waits; after a pause one connection tries with one mail, and the rest follow
//! when that mail is taken. Time is an argument.

use super::pace::Pace;
use super::seats::Seats;
use owabi_core::classify::{Meaning, meaning};
use owabi_core::outcome::{Fault, FaultKind, Outcome, Phase};
use owabi_core::retry::relay_pause_ms;
use owabi_smtp::relay::Relay;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Refusals of the sender in a row after which the relay is paused.
const SENDER_STREAK: usize = 3;
/// Misunderstandings in a row after which the relay is paused.
const PROTOCOL_STREAK: usize = 3;
/// A relay that lets a connection wait for so long, and says nothing on any other one, is silent (milliseconds). Some greet late
/// on purpose.
const SILENCE_MS: i64 = 30_000;

/// How long pauses are, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses {
    pub(super) first_ms: i64,
    pub(super) max_ms: i64,
}

#[derive(Debug)]
struct State {
    /// Faults in a row; 0: in good order.
    failures: i64,
    paused_until: i64,
    /// A courier is trying the relay after a pause.
    probing: bool,
    /// No login is needed, or one was taken: until then only one courier tries, so that a wrong password locks nobody out.
    logged_in: bool,
    /// Since when a connection is being opened without a word from the relay on any one (epoch milliseconds).
    unheard_since: Option<i64>,
    /// Domains whose refusals may mean the sender, since the last acceptance.
    refusing: Vec<String>,
    /// Misunderstandings in a row.
    misunderstood: usize,
    /// Somebody was accepted in this run.
    accepted_any: bool,
    /// Mails after which this relay ends a connection, as far as learned.
    per_connection: u32,
    pace: Pace,
}

/// One relay's desk, shared by its couriers.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) number: usize,
    pub(super) relay: Relay,
    /// The connections that this daemon may have.
    pub(super) seats: Arc<Seats>,
    pauses: Pauses,
    state: Mutex<State>,
    /// Couriers of a paused relay wait here.
    pub(super) changed: Notify,
}

/// How one relay does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayState {
    /// Its name in the configuration.
    pub name: String,
    /// In good order; false while it is paused, being tried again, or silent.
    pub up: bool,
    /// Since when it says nothing (epoch milliseconds), when that is for long.
    pub silent_since: Option<i64>,
    /// When it is tried again (epoch milliseconds), while it is paused.
    pub paused_until: Option<i64>,
    /// Its faults in a row.
    pub failures: i64,
}

/// Whether a courier may connect and send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Go on.
    Go,
    /// Go on alone, with one mail: the relay is being tried.
    Probe,
    /// Wait until this time (epoch milliseconds), or for a change.
    Wait(Option<i64>),
}

/// What a judged outcome asks for beside the settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// Nothing.
    None,
    /// The relay was paused: one alert.
    Paused,
    /// The message is too large for the relay: the notice must stop.
    StopNotice,
}

impl Desk {
    /// A relay that this daemon may use with `seats` connections and at `rate` mails a second.
    pub(super) fn new(number: usize, relay: Relay, seats: usize, rate: Option<f64>, pauses: Pauses) -> Self {
        let state = State {
            failures: 0,
            paused_until: 0,
            probing: false,
            logged_in: relay.auth.is_none(),
            unheard_since: None,
            refusing: Vec::new(),
            misunderstood: 0,
            accepted_any: false,
            per_connection: relay.messages_per_connection,
            pace: Pace::new(rate),
        };
        let seats = Arc::new(Seats::new(seats));
        Self { number, relay, seats, pauses, state: Mutex::new(state), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May a courier open a connection now? `Probe` is given to one courier at a time.
    pub(super) fn ask(&self, now: i64) -> Leave {
        let mut state = self.lock();
        let leave = state.leave(now);
        state.probing |= leave == Leave::Probe;
        leave
    }

    /// As [`Desk::ask`], without taking the probe.
    pub(super) fn look(&self, now: i64) -> Leave {
        self.lock().leave(now)
    }

    /// A connection is being opened.
    pub(super) fn opens(&self, now: i64) {
        self.lock().unheard_since.get_or_insert(now);
    }

    /// A connection is open and logged in.
    pub(super) fn opened(&self) {
        let mut state = self.lock();
        state.unheard_since = None;
        if !state.logged_in {
            state.logged_in = true;
            self.changed.notify_waiters();
        }
    }

    /// A courier goes without a verdict, and waits for no word of the relay any more.
    pub(super) fn probe_ended(&self) {
        let mut state = self.lock();
        (state.probing, state.unheard_since) = (false, None);
        drop(state);
        self.changed.notify_waiters();
    }

    /// In good order, so that couriers may take mails.
    pub(super) fn is_up(&self) -> bool {
        self.lock().failures == 0
    }

    /// In good order, and this daemon may have connections to it.
    pub(super) fn serves(&self) -> bool {
        self.is_up() && self.seats.any()
    }

    /// Faults in a row.
    pub(super) fn failures(&self) -> i64 {
        self.lock().failures
    }

    /// What others may know of it.
    pub(super) fn state(&self, now: i64) -> RelayState {
        let state = self.lock();
        let paused = state.failures > 0 && state.paused_until > now;
        let silent_since = state.unheard_since.filter(|since| now - since >= SILENCE_MS);
        RelayState {
            name: self.relay.name.clone(),
            up: state.failures == 0 && silent_since.is_none(),
            silent_since,
            paused_until: paused.then_some(state.paused_until),
            failures: state.failures,
        }
    }

    /// The relay, with what was learned of its limit of mails a connection.
    pub(super) fn relay_now(&self) -> Relay {
        Relay { messages_per_connection: self.lock().per_connection, ..self.relay.clone() }
    }

    /// How many of `wanted` mails may leave now; otherwise when the next one may.
    pub(super) fn paced(&self, wanted: usize, now: i64) -> Result<usize, i64> {
        self.lock().pace.allow(wanted, now)
    }

    /// Whether the next mail has its turn only later.
    pub(super) fn is_paced(&self, now: i64) -> bool {
        self.lock().pace.waits(now)
    }

    /// This daemon's part of the relay's rate, in mails a second.
    pub(super) fn set_rate(&self, rate: f64) {
        self.lock().pace.allow_up_to(rate);
    }

    /// No more than this rate from now on.
    pub(super) fn lower_rate(&self, rate: f64) {
        self.lock().pace.lower_to(rate);
    }

    /// A connection failed or ended by the relay's or our own fault, after `finished` mails on it.
    ///
    /// One that did its work and then broke is simply renewed; what the relay says of its limit is learned.
    pub(super) fn fault(&self, fault: &Fault, finished: u32, now: i64, jitter: f64) -> Consequence {
        let mut state = self.lock();
        state.unheard_since = None;
        state.logged_in &= fault.kind != FaultKind::Auth;
        match fault.kind {
            FaultKind::Local => Consequence::None,
            FaultKind::ConnectionLimit if finished > 0 => {
                if fault.reply.is_some() {
                    state.per_connection = finished.min(state.per_connection);
                }
                Consequence::None
            }
            FaultKind::Connection if finished > 0 => Consequence::None,
            _ => self.pause(&mut state, now, jitter),
        }
    }

    /// What one mail's outcome says about the relay and the sender. `domain` is the recipient's.
    pub(super) fn judge(&self, outcome: &Outcome, domain: &str, now: i64, jitter: f64) -> (Consequence, bool) {
        let mut state = self.lock();
        if matches!(outcome, Outcome::Accepted(_) | Outcome::Refused(..)) {
            state.unheard_since = None;
        }
        let Outcome::Refused(phase, reply) = outcome else {
            if matches!(outcome, Outcome::Accepted(_)) {
                state.accepted_any = true;
                self.recovered(&mut state);
            }
            return (Consequence::None, false);
        };
        match meaning(*phase, reply) {
            Meaning::SenderRefused | Meaning::Policy => {
                let suspect = !state.accepted_any || !state.refusing.iter().all(|other| other == domain);
                // Until somebody is accepted, one domain's refusals may be everybody's.
                let counts = *phase == Phase::Mail || !state.accepted_any;
                if counts || !state.refusing.iter().any(|other| other == domain) {
                    state.refusing.push(domain.to_owned());
                }
                let pause = state.refusing.len() >= SENDER_STREAK;
                (if pause { self.pause(&mut state, now, jitter) } else { Consequence::None }, suspect)
            }
            Meaning::NotAllowed => (self.pause(&mut state, now, jitter), false),
            // A quota that is used up: nobody gets through for a while.
            Meaning::Throttled if reply.class() == 5 => (self.pause(&mut state, now, jitter), false),
            Meaning::Throttled => {
                state.pace.halve(now);
                (Consequence::None, false)
            }
            Meaning::MessageTooBig => (Consequence::StopNotice, false),
            Meaning::Protocol => {
                state.misunderstood += 1;
                // A relay that is being tried has one chance.
                let pause = state.failures > 0 || state.misunderstood >= PROTOCOL_STREAK;
                (if pause { self.pause(&mut state, now, jitter) } else { Consequence::None }, false)
            }
            _ => {
                self.recovered(&mut state);
                (Consequence::None, false)
            }
        }
    }

    /// A mail was taken, or refused for its recipient's own sake: the relay works.
    fn recovered(&self, state: &mut State) {
        state.refusing.clear();
        state.misunderstood = 0;
        state.probing = false;
        if state.failures > 0 {
            tracing::info!(relay = self.relay.name, failures = state.failures, "the relay works again");
            state.failures = 0;
            self.changed.notify_waiters();
        }
    }

    fn pause(&self, state: &mut State, now: i64, jitter: f64) -> Consequence {
        if state.failures > 0 && now < state.paused_until {
            return Consequence::None;
        }
        state.failures += 1;
        state.probing = false;
        state.refusing.clear();
        state.misunderstood = 0;
        state.paused_until = now + relay_pause_ms(self.pauses.first_ms, self.pauses.max_ms, state.failures, jitter);
        self.changed.notify_waiters();
        Consequence::Paused
    }
}

impl State {
    fn leave(&self, now: i64) -> Leave {
        match self {
            Self { failures: 0, logged_in: true, .. } => Leave::Go,
            Self { probing: true, .. } => Leave::Wait(None),
            Self { paused_until, .. } if now < *paused_until => Leave::Wait(Some(*paused_until)),
            _ => Leave::Probe,
        }
    }
}

#[cfg(test)]
mod tests;
