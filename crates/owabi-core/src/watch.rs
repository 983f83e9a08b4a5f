//! When a released notice may be sent: its hours, its first mails, and the failures that stop it. Pure: times and counts in,
//! verdict out.

use crate::notice::{Breaker, Window};

/// Milliseconds of a minute, and of a day.
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// Japan has one offset all year: nine hours.
const JAPAN_MS: i64 = 9 * 3_600_000;
/// The share of failures at which a canary has failed when the notice has no breaker.
const CANARY_SHARE: f64 = 0.2;

/// The minute of the day in Japan, 0 to 1439, at `now` (epoch milliseconds).
pub fn minute_of_day(now: i64) -> u16 {
    u16::try_from((now + JAPAN_MS).rem_euclid(DAY_MS) / MINUTE_MS).unwrap_or(0)
}

/// Whether mails may leave at `now` (epoch milliseconds). Without a window: always.
pub fn is_open(window: Option<Window>, now: i64) -> bool {
    window.is_none_or(|window| window.contains(minute_of_day(now)))
}

/// When the window opens next (epoch milliseconds); `None` while it is open, and without a window.
pub fn opens_at(window: Option<Window>, now: i64) -> Option<i64> {
    let window = window.filter(|_| !is_open(window, now))?;
    let midnight = (now + JAPAN_MS).div_euclid(DAY_MS) * DAY_MS - JAPAN_MS;
    let today = midnight + i64::from(window.opens) * MINUTE_MS;
    Some(if today > now { today } else { today + DAY_MS })
}

/// What became so far of the mails that a verdict is about. A member counts once, however many tries it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// A relay took them, and nothing came back.
    pub good: i64,
    /// Refused for good, given up, or bounced; not by a relay's own fault.
    pub failed: i64,
    /// Not known yet: under way, put off, or in doubt.
    pub waiting: i64,
}

impl Outcomes {
    /// Mails that are finished with, or under way.
    pub fn total(self) -> i64 {
        self.good + self.failed + self.waiting
    }

    /// Mails that have an outcome.
    pub fn known(self) -> i64 {
        self.good + self.failed
    }
}

/// What the first mails of a notice say about the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// Whatever becomes of the rest of them: go on.
    Passed,
    /// Whatever becomes of the rest of them: stop.
    Failed,
    /// It depends on mails whose outcome is not known yet.
    Waits,
}

/// The verdict about a canary of which nobody else is due. It is given as soon as what is not known cannot change it, so a
/// few mails that are put off hold up nobody.
pub fn canary(outcomes: Outcomes, breaker: Option<Breaker>) -> Canary {
    let limit = breaker.map_or(CANARY_SHARE, |breaker| breaker.failure_share);
    let reaches = |failed| share(failed, outcomes.total()) >= limit;
    if outcomes.known() == 0 {
        Canary::Waits
    } else if reaches(outcomes.failed) {
        Canary::Failed
    } else if reaches(outcomes.failed + outcomes.waiting) {
        Canary::Waits
    } else {
        Canary::Passed
    }
}

/// Whether so many failures may be too many when at least `known` mails have an outcome: only then need they be counted.
pub fn breaker_may_trip(breaker: Breaker, failed: i64, known: i64) -> bool {
    failed > 0 && share(failed, known.max(i64::from(breaker.after)).max(1)) >= breaker.failure_share
}

/// Whether failures stop the notice: enough mails have an outcome, and the share of failures reaches the limit.
pub fn breaker_trips(breaker: Breaker, failed: i64, known: i64) -> bool {
    known >= i64::from(breaker.after) && breaker_may_trip(breaker, failed, known)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn share(part: i64, whole: i64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2022-03-02 00:00 in Japan.
    const MIDNIGHT: i64 = 1_646_146_800_000;

    fn window(opens: u16, closes: u16) -> Window {
        Window { opens, closes }
    }

    #[test]
    fn a_window_is_open_from_its_first_minute_up_to_but_without_its_last() {
        let day = Some(window(9 * 60, 21 * 60));
        for (hours, minutes, seconds, open) in [
            (0, 0, 0, false),
            (8, 59, 59, false),
            (9, 0, 0, true),
            (9, 0, 1, true),
            (20, 59, 59, true),
            (21, 0, 0, false),
            (21, 0, 1, false),
            (23, 59, 59, false),
        ] {
            let now = MIDNIGHT + ((hours * 60 + minutes) * 60 + seconds) * 1_000;
            assert_eq!(is_open(day, now), open, "{hours}:{minutes}:{seconds}");
            assert_eq!(opens_at(day, now).is_none(), open);
        }
        assert!(is_open(None, MIDNIGHT) && opens_at(None, MIDNIGHT).is_none());
    }

    #[test]
    fn it_opens_next_on_the_same_day_or_on_the_following_one() {
        let (nine, day) = (MIDNIGHT + 9 * 3_600_000, Some(window(9 * 60, 21 * 60)));
        assert_eq!(opens_at(day, MIDNIGHT), Some(nine));
        assert_eq!(opens_at(day, nine - 1), Some(nine));
        assert_eq!(opens_at(day, MIDNIGHT + 21 * 3_600_000), Some(nine + DAY_MS));
        assert_eq!(opens_at(day, MIDNIGHT - 1), Some(nine), "the last moment of the day before");
        assert_eq!(opens_at(day, MIDNIGHT + DAY_MS), Some(nine + DAY_MS));
    }

    #[test]
    fn windows_that_touch_midnight_end_and_begin_with_the_day() {
        let (late, early) = (Some(window(22 * 60, 24 * 60)), Some(window(0, 60)));
        assert!(is_open(late, MIDNIGHT - 1) && !is_open(late, MIDNIGHT));
        assert_eq!(opens_at(late, MIDNIGHT), Some(MIDNIGHT + 22 * 3_600_000));
        assert!(!is_open(early, MIDNIGHT - 1) && is_open(early, MIDNIGHT));
        assert_eq!(opens_at(early, MIDNIGHT - 1), Some(MIDNIGHT));
        assert_eq!(opens_at(early, MIDNIGHT + 3_600_000), Some(MIDNIGHT + DAY_MS));
        assert_eq!([minute_of_day(MIDNIGHT), minute_of_day(MIDNIGHT - 1)], [0, 1439]);
    }

    fn outcomes(good: i64, failed: i64, waiting: i64) -> Outcomes {
        Outcomes { good, failed, waiting }
    }

    #[test]
    fn a_canary_is_judged_as_soon_as_what_is_not_known_cannot_change_the_verdict() {
        use Canary::{Failed, Passed, Waits};
        for (of, verdict) in [
            ((0, 0, 50), Waits),
            ((50, 0, 0), Passed),
            ((41, 9, 0), Passed),
            ((40, 10, 0), Failed),
            ((0, 10, 40), Failed),
            ((40, 0, 10), Waits),
            ((41, 0, 9), Passed),
            ((32, 9, 9), Waits),
            ((1, 0, 0), Passed),
            ((0, 1, 0), Failed),
            ((0, 0, 1), Waits),
            ((0, 0, 0), Waits),
            ((2, 0, 1), Waits),
        ] {
            assert_eq!(canary(outcomes(of.0, of.1, of.2), Some(Breaker::default())), verdict, "{of:?}");
            assert_eq!(canary(outcomes(of.0, of.1, of.2), None), verdict, "{of:?} with the breaker off");
        }
        let lenient = Breaker { failure_share: 0.5, after: 50 };
        assert_eq!(canary(outcomes(6, 4, 0), Some(lenient)), Passed);
    }

    #[test]
    fn a_breaker_trips_at_its_share_and_not_before_enough_mails_have_an_outcome() {
        let breaker = Breaker { failure_share: 0.2, after: 50 };
        for (failed, known, trips) in
            [(9, 49, false), (49, 49, false), (9, 50, false), (10, 50, true), (50, 50, true), (0, 50, false)]
        {
            assert_eq!(breaker_trips(breaker, failed, known), trips, "{failed} of {known}");
        }
        assert!(breaker_trips(breaker, 200_000, 1_000_000) && !breaker_trips(breaker, 199_999, 1_000_000));
        assert!(!breaker_trips(Breaker { failure_share: 0.2, after: 0 }, 0, 0));
    }

    #[test]
    fn mails_need_be_counted_only_when_the_failures_could_be_too_many() {
        let breaker = Breaker { failure_share: 0.2, after: 50 };
        assert!(!breaker_may_trip(breaker, 9, 0) && breaker_may_trip(breaker, 10, 0));
        assert!(!breaker_may_trip(breaker, 10, 1_000) && breaker_may_trip(breaker, 200, 1_000));
    }
}
