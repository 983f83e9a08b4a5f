//! Proof that the daemon's loops go on: each beats once a round. One that is silent for longer than its longest honest round is
//! wedged. Times are those of the monotonic clock.

use crate::clock;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a loop that waits for others beats.
const WHILE_WAITING: Duration = Duration::from_secs(1);

/// The loops at work. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Pulses(Arc<Mutex<Watched>>);

#[derive(Debug, Default)]
struct Watched {
    next: u64,
    loops: BTreeMap<u64, (String, Arc<Beat>)>,
}

/// When a loop last beat, and how long it may be silent from then on. It is the loop's own: none waits for another one to beat.
#[derive(Debug)]
struct Beat(Mutex<(Instant, Duration)>);

impl Beat {
    fn lock(&self) -> MutexGuard<'_, (Instant, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For how long it was silent at `now`, if that is longer than it may be.
    fn wedged(&self, name: &str, now: Instant) -> Option<Wedged> {
        let (at, within) = *self.lock();
        let silent = now.saturating_duration_since(at);
        (silent > within).then(|| Wedged { name: name.to_owned(), silent, within })
    }
}

/// One loop's pulse. What ends without [`Pulse::retire`], by a panic perhaps, is found silent.
#[derive(Clone, Debug)]
pub struct Pulse {
    id: u64,
    beat: Arc<Beat>,
    pulses: Pulses,
    within: Duration,
}

/// A loop that should have gone on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wedged {
    /// Its name.
    pub name: String,
    /// For how long it did nothing.
    pub silent: Duration,
    /// The longest that a round of it may take.
    pub within: Duration,
}

impl Pulses {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A loop begins now, whose rounds take no longer than `within`.
    pub fn begin(&self, name: impl Into<String>, within: Duration) -> Pulse {
        self.begin_at(name.into(), within, clock::monotonic())
    }

    fn begin_at(&self, name: String, within: Duration, at: Instant) -> Pulse {
        let mut watched = self.lock();
        let id = watched.next;
        watched.next += 1;
        let beat = Arc::new(Beat(Mutex::new((at, within))));
        watched.loops.insert(id, (name, Arc::clone(&beat)));
        Pulse { id, beat, pulses: self.clone(), within }
    }

    /// The loops that are wedged at `now`, the longest silent first.
    pub fn wedged(&self, now: Instant) -> Vec<Wedged> {
        let watched = self.lock();
        let mut wedged: Vec<_> = watched.loops.values().filter_map(|(name, beat)| beat.wedged(name, now)).collect();
        wedged.sort_by_key(|of| Reverse(of.silent));
        wedged
    }

    /// The whole process stood still for so long: nobody can be blamed for it.
    pub fn forgive(&self, span: Duration) {
        self.lock().loops.values().for_each(|(_, beat)| beat.lock().0 += span);
    }

    /// How many loops are watched.
    pub fn count(&self) -> usize {
        self.lock().loops.len()
    }
}

impl Pulse {
    /// A round is done.
    pub fn beat(&self) {
        self.beat_at(clock::monotonic());
    }

    fn beat_at(&self, now: Instant) {
        *self.beat.lock() = (now, self.within);
    }

    /// The same loop's, for what may take it longer, or must not take it so long: from the next beat on.
    #[must_use]
    pub fn within(&self, within: Duration) -> Self {
        Self { within, ..self.clone() }
    }

    /// The loop ended as it should.
    pub fn retire(&self) {
        self.pulses.lock().loops.remove(&self.id);
    }

    /// Waits for something that may take any time: for work, or for a loop that has a pulse itself. It proves no more than that
    /// the task is alive; what must end in time is not to be waited for in here.
    pub async fn waits_for<T>(&self, awaited: impl Future<Output = T>) -> T {
        tokio::pin!(awaited);
        loop {
            self.beat();
            if let Ok(done) = tokio::time::timeout(WHILE_WAITING, &mut awaited).await {
                self.beat();
                return done;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_loop_is_wedged_when_it_is_silent_for_longer_than_its_longest_round_and_not_before() {
        let (pulses, begun) = (Pulses::default(), clock::monotonic());
        let slow = pulses.begin_at("slow".to_owned(), 60 * SECOND, begun);
        let quick = pulses.begin_at("quick".to_owned(), 3 * SECOND, begun);
        assert_eq!(pulses.wedged(begun + 3 * SECOND), []);
        let wedged = Wedged { name: "quick".into(), silent: 4 * SECOND, within: 3 * SECOND };
        assert_eq!(pulses.wedged(begun + 4 * SECOND), [wedged]);
        quick.beat_at(begun + 4 * SECOND);
        assert_eq!(pulses.wedged(begun + 7 * SECOND), []);
        slow.beat_at(begun + 5 * SECOND);
        let names = |now| pulses.wedged(now).into_iter().map(|wedged| wedged.name).collect::<Vec<_>>();
        assert_eq!(names(begun + 66 * SECOND), ["quick", "slow"], "the longest silent first");
        quick.retire();
        assert_eq!((names(begun + 66 * SECOND), pulses.count()), (vec!["slow".to_owned()], 1));
    }

    #[test]
    fn a_loop_has_another_longest_time_for_each_thing_that_it_does() {
        let (pulses, begun) = (Pulses::default(), clock::monotonic());
        let usual = pulses.begin_at("courier".to_owned(), 3 * SECOND, begun);
        usual.within(9 * SECOND).beat_at(begun + SECOND);
        assert_eq!(pulses.wedged(begun + 10 * SECOND), []);
        assert_eq!(pulses.wedged(begun + 11 * SECOND)[0].within, 9 * SECOND);
        usual.beat_at(begun + 11 * SECOND);
        assert_eq!(pulses.wedged(begun + 15 * SECOND)[0].within, 3 * SECOND);
    }

    #[test]
    fn a_process_that_was_stopped_as_a_whole_has_no_wedged_loop() {
        let (pulses, begun) = (Pulses::default(), clock::monotonic());
        let _pulse = pulses.begin_at("any".to_owned(), 3 * SECOND, begun);
        pulses.forgive(600 * SECOND);
        assert_eq!(pulses.wedged(begun + 602 * SECOND), []);
        assert_eq!(pulses.wedged(begun + 604 * SECOND).len(), 1);
    }

    #[tokio::test]
    async fn a_loop_that_panics_is_found_silent_and_one_that_waits_for_work_is_not() {
        let pulses = Pulses::default();
        let pulse = pulses.begin("broken", Duration::ZERO);
        let broken = tokio::spawn(async move {
            pulse.beat();
            panic!("a defect");
        });
        assert!(broken.await.is_err());
        let waiting = pulses.begin("waiting", 10 * SECOND);
        let waits = waiting.waits_for(tokio::time::sleep(SECOND + SECOND / 2));
        waits.await;
        let names: Vec<_> = pulses.wedged(clock::monotonic()).into_iter().map(|wedged| wedged.name).collect();
        assert_eq!(names, ["broken"]);
    }
}
