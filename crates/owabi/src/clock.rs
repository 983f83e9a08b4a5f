//! The only file that reads the clock. Everything else takes the time as an argument.

#![expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z by the system's clock; negative before it.
pub fn now_ms() -> i64 {
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) => whole_ms(since),
        Err(before) => -whole_ms(before.duration()),
    }
}

/// The monotonic clock: for measuring how long something took, unmoved when the system's clock is set.
pub fn monotonic() -> Instant {
    Instant::now()
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
    fn the_system_clock_counts_milliseconds_of_this_century() {
        assert!(Clock::System.now_ms() > 1_700_000_000_000);
        assert!(Clock::System.now_ms() < 4_000_000_000_000);
    }
}
