//! How many mails a second leave. Time is an argument.

use super::pace::to_ms;

/// How long the mails are counted before the count means something.
const SAMPLE_MS: i64 = 5_000;

/// How many mails a second are finished with, so that no more are claimed than can leave within their lease.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    since: i64,
    finished: u64,
    per_second: Option<f64>,
}

impl Throughput {
    /// Looks at the number of mails finished so far; an empty memory says nothing about the relays.
    pub(super) fn look(&mut self, now: i64, finished: u64, empty: bool) {
        if empty {
            *self = Self { since: now, finished, per_second: None };
        } else if now - self.since >= SAMPLE_MS {
            let done = finished.saturating_sub(self.finished) as f64;
            *self = Self { since: now, finished, per_second: Some(done * 1000.0 / (now - self.since) as f64) };
        }
    }

    /// The rows that leave within a quarter of the lease: at least `slots`, at most `claim`.
    pub(super) fn rows(&self, lease_ms: i64, slots: i64, claim: i64) -> i64 {
        let Some(per_second) = self.per_second else { return claim };
        let within = per_second * lease_ms as f64 / 4000.0;
        if within >= claim as f64 { claim } else { to_ms(within).max(slots).min(claim) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_rows_are_claimed_than_can_leave_within_a_quarter_of_the_lease() {
        let lease_ms = 600_000;
        let mut throughput = Throughput::default();
        assert_eq!(throughput.rows(lease_ms, 40, 500), 500, "nothing is known yet");
        throughput.look(0, 0, true);
        throughput.look(10_000, 5, false);
        assert_eq!(throughput.rows(lease_ms, 40, 500), 75, "half a mail a second for 150 seconds");
        throughput.look(20_000, 50_005, false);
        assert_eq!(throughput.rows(lease_ms, 40, 500), 500);
        throughput.look(30_000, 50_005, false);
        assert_eq!(throughput.rows(lease_ms, 40, 500), 40, "never less than what the connections hold");
        throughput.look(40_000, 50_005, true);
        assert_eq!(throughput.rows(lease_ms, 40, 500), 500, "an empty memory says nothing");
    }
}
