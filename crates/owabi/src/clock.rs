//! The only file that reads the clock. Everything else takes the time as an argument.
//!
//! Daemons that share a database follow its clock, so that leases do not depend on what their hosts think the time is.

#![expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Differences up to this are the network's doing: the clock is not set for them, so that it does not jump to and fro.
const TOLERANCE_MS: i64 = 50;

/// From where the monotonic clock is counted.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// The clock that this process follows, if any.
static LEADER: Followed = Followed::nobody();

/// Milliseconds since 1970-01-01T00:00:00Z: by the clock that is followed, else by the system's; negative before it.
pub fn now_ms() -> i64 {
    LEADER.now(since_start()).unwrap_or_else(system_ms)
}

/// Milliseconds since 1970-01-01T00:00:00Z by this host's own clock; negative before it.
pub fn system_ms() -> i64 {
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) => whole_ms(since),
        Err(before) => -whole_ms(before.duration()),
    }
}

/// From now on [`now_ms`] goes on from `epoch_ms` with the monotonic clock, whatever the host's clock does.
pub fn follow(epoch_ms: i64) {
    LEADER.follow(epoch_ms, since_start());
}

fn since_start() -> i64 {
    whole_ms(Instant::now().saturating_duration_since(*START))
}

/// Another clock's time, kept up with a monotonic one: epoch milliseconds when `START` was.
#[derive(Debug)]
struct Followed(AtomicI64);

impl Followed {
    const NOBODY: i64 = i64::MIN;

    const fn nobody() -> Self {
        Self(AtomicI64::new(Self::NOBODY))
    }

    fn now(&self, elapsed: i64) -> Option<i64> {
        let base = self.0.load(Ordering::Relaxed);
        (base != Self::NOBODY).then(|| base.saturating_add(elapsed))
    }

    fn follow(&self, epoch_ms: i64, elapsed: i64) {
        if self.now(elapsed).is_none_or(|now| (now - epoch_ms).abs() > TOLERANCE_MS) {
            self.0.store(epoch_ms.saturating_sub(elapsed), Ordering::Relaxed);
        }
    }
}

/// The monotonic clock: for measuring how long something took, unmoved when the system's clock is set.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// Microseconds of `CLOCK_MONOTONIC`, as the service manager counts them.
pub fn monotonic_usec() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000)
}

fn whole_ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Where the time comes from: the system, or a hand that a test moves.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Epoch milliseconds that stand still until somebody stores others.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `ms` (epoch milliseconds).
    pub fn fixed(ms: i64) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(ms)))
    }

    /// Epoch milliseconds now.
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::System => now_ms(),
            Self::Fixed(hand) => hand.load(Ordering::SeqCst),
        }
    }

    /// Moves a fixed clock on by `span`; the system's clock takes no notice.
    pub fn advance(&self, span: Duration) {
        if let Self::Fixed(hand) = self {
            hand.fetch_add(whole_ms(span), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_told_and_all_its_copies_move_together() {
        let clock = Clock::fixed(1_000);
        let copy = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!((clock.now_ms(), copy.now_ms()), (3_000, 3_000));
    }

    #[test]
    fn a_followed_clock_goes_on_by_itself_and_is_set_only_when_it_is_really_wrong() {
        let clock = Followed::nobody();
        assert_eq!(clock.now(7), None);
        clock.follow(1_000_000, 100);
        assert_eq!((clock.now(100), clock.now(350)), (Some(1_000_000), Some(1_000_250)));
        clock.follow(1_000_240, 300);
        assert_eq!(clock.now(300), Some(1_000_200), "a slow answer is no reason to jump");
        clock.follow(900_000, 300);
        assert_eq!(clock.now(301), Some(900_001), "the database's clock was set back");
    }

    #[test]
    fn the_system_clock_counts_milliseconds_of_this_century() {
        assert!(Clock::System.now_ms() > 1_700_000_000_000);
        assert!(Clock::System.now_ms() < 4_000_000_000_000);
    }
}
