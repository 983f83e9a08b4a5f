//! Turns: mails at an even rate, and a relay's own rate, lowered by throttling and raised again. Time is an argument.

/// A turn that was taken late may be made up for by this much, in milliseconds.
const CATCH_UP_MS: f64 = 50.0;
/// When there is no rate at all for now: look again after this many milliseconds.
const NO_RATE_MS: i64 = 200;
/// The slowest pace that throttling leads to, in mails a second.
const SLOWEST: f64 = 0.5;

/// One mail after the other at `rate` mails a second; `None` is no limit, 0 is nothing for now.
///
/// What is kept is when the last turn was, so that another rate holds at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    pub(super) rate: Option<f64>,
    last_at: f64,
}

impl Turns {
    pub(super) fn new(rate: Option<f64>) -> Self {
        Self { rate, last_at: f64::NEG_INFINITY }
    }

    /// Milliseconds between two turns; 0 without a limit.
    fn gap_ms(&self) -> f64 {
        self.rate.map_or(0.0, |rate| 1000.0 / rate)
    }

    /// When the next turn is (epoch milliseconds, not before `now`).
    pub(super) fn next_at(&self, now: i64) -> i64 {
        if self.rate.is_some_and(|rate| rate <= 0.0) {
            return now + NO_RATE_MS;
        }
        to_ms((self.last_at + self.gap_ms()).ceil()).max(now)
    }

    /// Takes a turn; otherwise says when to ask again.
    pub(super) fn take(&mut self, now: i64) -> Result<(), i64> {
        // The clock may have been set back.
        self.last_at = self.last_at.min(now as f64);
        let next = self.next_at(now);
        if next > now {
            return Err(next);
        }
        self.last_at = (self.last_at + self.gap_ms()).max(now as f64 - CATCH_UP_MS);
        Ok(())
    }
}

/// A relay's pace, in mails a second.
#[derive(Debug)]
pub(super) struct Pace {
    /// What the configuration allows, or this daemon's part of it.
    allowed: Option<f64>,
    /// What throttling taught; `None` while nothing binds but what is allowed.
    learned: Option<f64>,
    turns: Turns,
    /// Mails handed over in the second that began at `second`.
    second: i64,
    in_second: f64,
    last_second: f64,
}

impl Pace {
    pub(super) fn new(allowed: Option<f64>) -> Self {
        let turns = Turns::new(allowed);
        Self { allowed, learned: None, turns, second: 0, in_second: 0.0, last_second: 0.0 }
    }

    /// Another part of the configured rate; what throttling taught stays.
    pub(super) fn allow_up_to(&mut self, rate: f64) {
        self.allowed = Some(rate);
    }

    /// No more than this rate.
    pub(super) fn lower_to(&mut self, rate: f64) {
        self.allowed = Some(self.allowed.map_or(rate, |allowed| allowed.min(rate)));
    }

    /// How many of `wanted` mails may leave now; otherwise when the next one may.
    pub(super) fn allow(&mut self, wanted: usize, now: i64) -> Result<usize, i64> {
        self.tick(now);
        self.turns.rate = lower(self.allowed, self.learned);
        self.turns.take(now)?;
        let granted = if self.turns.rate.is_some() { 1 } else { wanted };
        self.in_second += granted as f64;
        Ok(granted)
    }

    /// Whether the next mail may leave only later.
    pub(super) fn waits(&self, now: i64) -> bool {
        let (rate, last_at) = (lower(self.allowed, self.learned), self.turns.last_at.min(now as f64));
        Turns { rate, last_at }.next_at(now) > now
    }

    /// Counts seconds; each one without throttling raises the pace a little, and lifts it when it no longer binds.
    fn tick(&mut self, now: i64) {
        let second = now / 1000;
        if second == self.second {
            return;
        }
        (self.second, self.last_second, self.in_second) = (second, self.in_second, 0.0);
        let raised = self.learned.map(|rate| rate + (rate * 0.05).max(0.5));
        // A daemon without a part sends nothing, and so learns nothing.
        let enough = self.allowed.filter(|rate| *rate > 0.0).unwrap_or(1000.0);
        self.learned = raised.filter(|rate| *rate <= enough);
    }

    /// The relay says that it is too fast.
    pub(super) fn halve(&mut self, now: i64) {
        self.tick(now);
        let measured = self.last_second.max(self.in_second).max(1.0);
        let rate = lower(self.allowed, self.learned).unwrap_or(measured);
        self.learned = Some((rate / 2.0).max(SLOWEST));
    }
}

/// The lower of two rates, where `None` is no limit.
fn lower(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "times and counts are far below 2^53")]
pub(super) fn to_ms(at: f64) -> i64 {
    at as i64
}
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive, small count")]
pub(super) fn to_count(value: f64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(turns: &mut Turns, from: i64, to: i64) -> usize {
        (from..to).filter(|now| turns.take(*now).is_ok()).count()
    }

    #[test]
    fn another_rate_holds_at_once() {
        let mut lane = Turns::new(Some(0.1));
        assert_eq!(turns(&mut lane, 0, 1_000), 1);
        lane.rate = Some(100.0);
        assert!((100..=106).contains(&turns(&mut lane, 1_000, 2_000)));
        lane.rate = Some(1.0);
        assert!((1..=2).contains(&turns(&mut lane, 2_000, 4_000)));
    }

    #[test]
    fn without_a_part_of_the_rate_nobody_has_a_turn_and_one_asks_again_soon() {
        let mut lane = Turns::new(Some(0.0));
        assert_eq!(lane.take(5_000), Err(5_000 + NO_RATE_MS));
        lane.rate = Some(1.0);
        assert_eq!(lane.take(5_001), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nobody() {
        let mut lane = Turns::new(Some(10.0));
        assert_eq!(lane.take(7_200_000), Ok(()));
        assert_eq!(lane.take(3_600_000), Err(3_600_100));
        assert_eq!(lane.take(3_600_100), Ok(()));
    }

    #[test]
    fn what_throttling_taught_outlives_a_while_without_a_part() {
        let mut pace = Pace::new(Some(100.0));
        pace.halve(0);
        pace.allow_up_to(0.0);
        assert!(pace.allow(1, 1_000).is_err());
        pace.allow_up_to(100.0);
        let sent = (1_001..2_000).filter(|now| pace.allow(1, *now).is_ok()).count();
        assert!((50..=56).contains(&sent), "{sent}");
    }

    #[test]
    fn a_turn_is_waited_for_no_longer_than_until_it_has_come() {
        let mut pace = Pace::new(Some(0.1));
        assert_eq!((pace.waits(0), pace.allow(1, 0)), (false, Ok(1)));
        assert_eq!((pace.waits(9_000), pace.waits(10_001)), (true, false));
        assert!(!Pace::new(None).waits(0));
    }

    #[test]
    fn a_lowered_pace_is_never_raised_by_lowering() {
        let mut pace = Pace::new(Some(10.0));
        pace.lower_to(20.0);
        assert_eq!(pace.allowed, Some(10.0));
        pace.lower_to(5.0);
        assert_eq!(pace.allowed, Some(5.0));
    }
}
