//! When a mail is tried again: the schedule of the `backoff` crate, which only this module uses.
//!
//! Nothing persists here: the store keeps the number of attempts used, and the delay is computed from it.

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff;
use std::time::Duration;

/// The limits of retrying. Durations in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The least wait before the second attempt (greylisting wants 5 minutes).
    pub first_ms: i64,
    /// The longest wait between two attempts.
    pub max_ms: i64,
    /// Attempts used after which the member is failed.
    pub attempts: i64,
    /// Time from queueing after which the member is failed (RFC 5321 4.5.4.1: four to five days).
    pub deadline_ms: i64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let minute = 60_000;
        Self { first_ms: 5 * minute, max_ms: 240 * minute, attempts: 12, deadline_ms: 5 * 24 * 60 * minute }
    }
}

/// What the policy says after a temporary refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// Try again at this time (epoch milliseconds).
    At(i64),
    /// The last attempt is used.
    AttemptsSpent,
    /// The next try would come after the deadline.
    DeadlineSpent,
}

impl RetryPolicy {
    /// The next try after `used` attempts (this one included) for a mail queued at `queued_at`.
    ///
    /// `jitter` is uniform in `[0, 1)`.
    pub fn next_try(&self, used: i64, queued_at: i64, now: i64, jitter: f64) -> NextTry {
        if used >= self.attempts {
            return NextTry::AttemptsSpent;
        }
        let at = now.saturating_add(self.delay_ms(used, jitter));
        if at > queued_at.saturating_add(self.deadline_ms) { NextTry::DeadlineSpent } else { NextTry::At(at) }
    }

    /// The wait after `used` attempts: `first` and, on top, full jitter over the exponential interval, at most `max`.
    pub fn delay_ms(&self, used: i64, jitter: f64) -> i64 {
        let spread = interval(self.first_ms, self.max_ms, used).mul_f64(jitter.clamp(0.0, 1.0));
        self.first_ms.saturating_add(millis(spread)).min(self.max_ms.max(self.first_ms))
    }
}

/// The wait before a relay is tried again after `failures` in a row: exponential from `first`, half of it jitter.
pub fn relay_pause_ms(first_ms: i64, max_ms: i64, failures: i64, jitter: f64) -> i64 {
    millis(interval(first_ms, max_ms, failures).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0))
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The `n`-th interval (from 1) of the doubling schedule, at most `max_ms`.
fn interval(first_ms: i64, max_ms: i64, n: i64) -> Duration {
    let at_least_one = |ms: i64| Duration::from_millis(ms.max(1).unsigned_abs());
    let mut schedule = ExponentialBackoffBuilder::new()
        .with_initial_interval(at_least_one(first_ms))
        .with_max_interval(at_least_one(max_ms))
        .with_multiplier(2.0)
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(None)
        .build();
    let steps = usize::try_from(n.clamp(1, 64)).unwrap_or(1);
    let waits = std::iter::from_fn(|| schedule.next_backoff());
    waits.take(steps).last().unwrap_or_default().min(at_least_one(max_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn the_first_retry_waits_at_least_five_minutes() {
        let policy = RetryPolicy::default();
        for jitter in [0.0, 0.3, 0.999] {
            let wait = policy.delay_ms(1, jitter);
            assert!((5 * MINUTE..=10 * MINUTE).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn the_waits_double_up_to_the_maximum() {
        let policy = RetryPolicy::default();
        let longest: Vec<i64> = (1..=8).map(|used| policy.delay_ms(used, 1.0) / MINUTE).collect();
        assert_eq!(longest, [10, 15, 25, 45, 85, 165, 240, 240]);
    }

    #[test]
    fn full_jitter_spreads_the_retries_over_the_whole_interval() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay_ms(4, 0.0) / MINUTE, 5);
        assert_eq!(policy.delay_ms(4, 0.5) / MINUTE, 25);
    }

    #[test]
    fn the_attempts_and_the_deadline_end_the_retrying() {
        let policy = RetryPolicy { attempts: 3, ..RetryPolicy::default() };
        assert!(matches!(policy.next_try(2, 0, 0, 0.5), NextTry::At(_)));
        assert_eq!(policy.next_try(3, 0, 0, 0.5), NextTry::AttemptsSpent);
        assert_eq!(policy.next_try(1, 0, policy.deadline_ms, 0.5), NextTry::DeadlineSpent);
    }

    #[test]
    fn a_relay_pause_grows_and_is_bounded() {
        assert_eq!(relay_pause_ms(5_000, 300_000, 1, 1.0), 5_000);
        assert_eq!(relay_pause_ms(5_000, 300_000, 1, 0.0), 2_500);
        assert_eq!(relay_pause_ms(5_000, 300_000, 30, 1.0), 300_000);
    }
}
