//! How the daemons of a fleet divide one limit among themselves. Pure: each decides for itself, one after the other, by
//! what the others have published.
//!
//! Nobody takes what another has published, so the sum of the parts never exceeds the limit: who joins waits until the
//! others have lowered theirs. Who wants nothing publishes nothing, and leaves everything to the others.

/// A limit that is for all daemons together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) amount: f64,
    /// Only whole numbers of it can be used.
    pub(super) whole: bool,
}

/// What a daemon that wants something of the limit may use from now on, up to an equal part.
///
/// `others` are the identifiers and published shares of those that want or still use something of it.
pub(super) fn part<'a>(limit: Limit, me: &str, others: impl Iterator<Item = (&'a str, f64)>) -> f64 {
    let (mut count, mut rank, mut published) = (1.0, 0.0, 0.0);
    for (id, share) in others {
        count += 1.0;
        rank += f64::from(u8::from(id < me));
        published += share;
    }
    let free = (limit.amount - published).max(0.0);
    if limit.whole { whole_part(limit.amount, count, rank).min(free.floor()) } else { (limit.amount / count).min(free) }
}

/// What the others are to see of it: never less than is in use, and nothing at all of who wants and uses nothing.
pub(super) fn published(part: f64, wanted: bool, in_use: f64) -> Option<f64> {
    (wanted || in_use > 0.0).then(|| part.max(in_use))
}

/// The first in the order of identifiers get what is left over when the whole numbers do not come out even.
fn whole_part(amount: f64, count: f64, rank: f64) -> f64 {
    let left_over = amount % count;
    (amount / count).floor() + f64::from(u8::from(rank < left_over))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these parts are exact")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEN: Limit = Limit { amount: 10.0, whole: true };

    #[test]
    fn a_lone_daemon_has_everything_at_once() {
        assert_eq!(part(TEN, "a", std::iter::empty()), 10.0);
        let rate = Limit { amount: 2.5, whole: false };
        assert_eq!(part(rate, "a", std::iter::empty()), 2.5);
    }

    #[test]
    fn who_joins_gets_what_is_free_and_its_part_when_the_others_have_lowered_theirs() {
        assert_eq!(part(TEN, "b", [("a", 10.0)].into_iter()), 0.0);
        assert_eq!(part(TEN, "a", [("b", 0.0)].into_iter()), 5.0);
        assert_eq!(part(TEN, "b", [("a", 7.0)].into_iter()), 3.0, "two of its connections still have mails");
        assert_eq!(part(TEN, "b", [("a", 5.0)].into_iter()), 5.0);
    }

    #[test]
    fn with_fewer_connections_than_daemons_the_first_have_one_each() {
        let two = Limit { amount: 2.0, whole: true };
        let others =
            |me: &str| ["a", "b", "c"].into_iter().filter(move |id| *id != me).map(|id| (id, 0.0)).collect::<Vec<_>>();
        let parts = ["a", "b", "c"].map(|me| part(two, me, others(me).into_iter()));
        assert_eq!(parts, [1.0, 1.0, 0.0]);
    }

    #[test]
    fn nothing_wanted_and_nothing_used_is_not_published() {
        assert_eq!(published(0.0, false, 0.0), None);
        assert_eq!(published(0.0, true, 0.0), Some(0.0));
        assert_eq!(published(0.0, false, 2.0), Some(2.0));
        assert_eq!(published(5.0, true, 2.0), Some(5.0));
    }

    /// One daemon of the model.
    #[derive(Clone, Debug, Default)]
    struct Daemon {
        /// What the others see of it, if anything.
        row: Option<f64>,
        /// Its last beat is fresh; what it may use is nothing otherwise.
        valid: bool,
        wants: bool,
        part: f64,
        in_use: f64,
        /// The others have forgotten it while something of its own was in use, and took that too.
        carried: bool,
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Beat,
        /// The transaction was rolled back, or its answer was lost after the commit.
        BeatFails {
            committed: bool,
        },
        Want(bool),
        /// Uses a share of its part, as connections do.
        Use(f64),
        Finish,
        /// Stopped or cut off for so long that the others forget it; it may go on at any time.
        Forgotten,
        Leave,
    }

    #[derive(Debug)]
    struct Fleet {
        limit: Limit,
        daemons: Vec<Daemon>,
    }

    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

    impl Fleet {
        fn step(&mut self, n: usize, step: Step) {
            match step {
                Step::Beat => {
                    let part = self.decide(n, true);
                    self.daemons[n].part = part;
                    self.daemons[n].valid = true;
                }
                Step::BeatFails { committed } => drop(self.decide(n, committed)),
                Step::Want(wants) => self.daemons[n].wants = wants,
                Step::Use(of) => {
                    let most = self.limit.round(self.daemons[n].part * of);
                    let daemon = &mut self.daemons[n];
                    if daemon.valid {
                        daemon.in_use = daemon.in_use.max(most);
                    }
                }
                Step::Finish => self.daemons[n].in_use = 0.0,
                Step::Forgotten => {
                    let daemon = &mut self.daemons[n];
                    (daemon.row, daemon.valid, daemon.carried) = (None, false, daemon.in_use > 0.0);
                }
                Step::Leave => self.daemons[n] = Daemon::default(),
            }
        }

        /// As the daemon does it: what it may use is lowered before it is published, and raised after.
        fn decide(&mut self, n: usize, committed: bool) -> f64 {
            let others = (0..self.daemons.len()).filter(|other| *other != n);
            let others = others.filter_map(|other| Some((NAMES[other], self.daemons[other].row?)));
            let part = if self.daemons[n].wants { part(self.limit, NAMES[n], others) } else { 0.0 };
            let daemon = &mut self.daemons[n];
            daemon.part = daemon.part.min(part);
            if committed {
                daemon.carried &= daemon.in_use > part;
                daemon.row = published(part, daemon.wants, daemon.in_use);
            }
            part
        }

        fn check(&self) {
            let live = || self.daemons.iter().filter(|daemon| !daemon.carried);
            let usable: f64 = self.daemons.iter().filter(|daemon| daemon.valid).map(|daemon| daemon.part).sum();
            let seen: f64 = live().filter_map(|daemon| daemon.row).sum();
            let used: f64 = live().map(|daemon| daemon.in_use).sum();
            for sum in [usable, seen, used] {
                assert!(sum <= self.limit.amount + 1e-9, "{sum} of {self:?}");
            }
            assert!(self.daemons.iter().all(|daemon| daemon.part >= 0.0));
        }
    }

    impl Limit {
        fn round(self, amount: f64) -> f64 {
            if self.whole { amount.floor() } else { amount }
        }
    }

    fn limit() -> impl Strategy<Value = Limit> {
        let whole = (1_u8..20).prop_map(|amount| Limit { amount: f64::from(amount), whole: true });
        prop_oneof![whole, (0.01..100.0).prop_map(|amount| Limit { amount, whole: false })]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => Just(Step::Beat),
            1 => any::<bool>().prop_map(|committed| Step::BeatFails { committed }),
            2 => any::<bool>().prop_map(Step::Want),
            3 => (0.0..=1.0).prop_map(Step::Use),
            2 => Just(Step::Finish),
            1 => Just(Step::Forgotten),
            1 => Just(Step::Leave),
        ]
    }

    proptest! {
        #[test]
        fn whatever_the_daemons_do_their_parts_are_together_no_more_than_the_limit(
            limit in limit(),
            steps in prop::collection::vec((0_usize..6, step()), 1..200),
        ) {
            let mut fleet = Fleet { limit, daemons: vec![Daemon { wants: true, ..Daemon::default() }; 6] };
            for (n, step) in steps {
                fleet.step(n, step);
                fleet.check();
            }
        }

        #[test]
        fn daemons_that_know_each_other_have_equal_parts_after_two_beats_each(
            limit in limit(),
            before in prop::collection::vec((0_usize..6, step()), 0..60),
            orders in prop::array::uniform3(Just(vec![0_usize, 1, 2, 3, 4, 5]).prop_shuffle()),
        ) {
            let mut fleet = Fleet { limit, daemons: vec![Daemon::default(); 6] };
            for (n, step) in before {
                fleet.step(n, step);
            }
            // The first round is for getting to know each other.
            for order in &orders {
                for n in order {
                    fleet.step(*n, Step::Want(true));
                    fleet.step(*n, Step::Finish);
                    fleet.step(*n, Step::Beat);
                    fleet.check();
                }
            }
            let equal = limit.amount / 6.0;
            let sum: f64 = fleet.daemons.iter().map(|daemon| daemon.part).sum();
            prop_assert!((sum - limit.amount).abs() < 1e-6, "{fleet:?}");
            let even = |daemon: &Daemon| if limit.whole { (daemon.part - equal).abs() < 1.0 } else { (daemon.part - equal).abs() < 1e-6 };
            prop_assert!(fleet.daemons.iter().all(even), "{fleet:?}");
        }
    }
}
