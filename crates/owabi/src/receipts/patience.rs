//! How long a source that fails is left alone.

use std::time::Duration;

/// The first pause after a failure, and the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pauses {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Pauses {
    pub(super) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }
}

/// Counts failures in a row: each pause is twice as long as the one before.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
}

impl Patience {
    /// It works again.
    pub(super) fn restore(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure.
    pub(super) fn after_failure(&mut self, pauses: Pauses) -> Duration {
        let pause = pauses.first.saturating_mul(2_u32.saturating_pow(self.failures.min(20))).min(pauses.longest);
        self.failures = self.failures.saturating_add(1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_are_short_again_after_a_success() {
        let pauses = Pauses::new(Duration::from_secs(1), Duration::from_mins(5));
        let mut patience = Patience::default();
        let seconds: Vec<u64> = (0..11).map(|_| patience.after_failure(pauses).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        patience.failures = u32::MAX;
        assert_eq!(patience.after_failure(pauses).as_secs(), 300);
        patience.restore();
        assert_eq!(patience.after_failure(pauses).as_secs(), 1);
    }
}
