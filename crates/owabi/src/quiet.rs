//! What silence says of an accepted mail: that no bounce came while somebody looked, and never that it was delivered.

use crate::japan;
use owabi_core::yaml::Span;
use owabi_store::SourceRow;

/// The silence of the sources in which bounces arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    /// Every bounce that had arrived by then is recorded (epoch milliseconds).
    watched_until: i64,
    quiet_ms: i64,
}

impl Silence {
    /// `None` when nothing can be claimed: nobody looked, or not into every mailbox that a daemon reads. A mailbox that
    /// somebody read by hand counts like the others: until it is forgotten, bounces may lie in it unread.
    pub(crate) fn of(sources: &[SourceRow], quiet: Span) -> Option<Self> {
        let counts = |source: &&SourceRow| source.bounces && (source.followed || source.looked_at.is_some());
        let watched_until = sources.iter().filter(counts).map(|source| source.looked_at).min().flatten()?;
        Some(Self { watched_until, quiet_ms: quiet.as_millis() })
    }

    /// Whether a mail that was accepted then is shown as "no bounce by".
    pub(crate) fn covers(self, accepted_at: i64) -> bool {
        accepted_at <= self.accepted_by()
    }

    /// The latest acceptance that it covers.
    pub(crate) fn accepted_by(self) -> i64 {
        self.watched_until.saturating_sub(self.quiet_ms)
    }

    /// The day in Japan up to which there was none.
    pub(crate) fn day(self) -> String {
        japan::day(self.watched_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn source((bounces, followed, looked_at): (bool, bool, Option<i64>)) -> SourceRow {
        let (host, name) = ("mail1".to_owned(), "x".to_owned());
        SourceRow { host, name, bounces, followed, since: 1, looked_at, trouble: None }
    }

    #[test]
    fn bounces_were_watched_for_as_far_as_every_mailbox_was_looked_at_by_a_daemon_or_by_hand() {
        let (bounces, log, followed, by_hand) = (true, false, true, false);
        for (sources, watched_until) in [
            (&[][..], None),
            (&[(bounces, followed, None)], None),
            (&[(log, followed, Some(9))], None),
            (&[(bounces, by_hand, None)], None),
            (&[(bounces, followed, Some(5))], Some(5)),
            (&[(bounces, followed, Some(5)), (bounces, followed, Some(3))], Some(3)),
            (&[(bounces, followed, Some(5)), (bounces, followed, None)], None),
            (&[(bounces, followed, Some(5)), (log, followed, Some(3))], Some(5)),
            (&[(bounces, followed, Some(5)), (bounces, by_hand, Some(3))], Some(3)),
            (&[(bounces, followed, Some(5)), (bounces, by_hand, Some(9))], Some(5)),
            (&[(bounces, followed, None), (bounces, by_hand, Some(9))], None),
            (&[(bounces, by_hand, Some(3)), (bounces, by_hand, Some(5)), (bounces, by_hand, None)], Some(3)),
            (&[(log, followed, Some(9)), (bounces, by_hand, Some(5))], Some(5)),
        ] {
            let rows: Vec<_> = sources.iter().copied().map(source).collect();
            let silence = Silence::of(&rows, Span::days(5));
            assert_eq!(silence.map(|silence| silence.watched_until), watched_until, "{sources:?}");
        }
    }

    #[test]
    fn silence_counts_only_when_it_lasted_as_long_as_receipts_quiet() {
        let looked = 100 * DAY;
        let silence = Silence::of(&[source((true, true, Some(looked)))], Span::days(5)).unwrap();
        assert!(silence.covers(95 * DAY) && !silence.covers(95 * DAY + 1));
        assert_eq!((silence.accepted_by(), silence.day().as_str()), (95 * DAY, "1970-04-11"));
    }
}
