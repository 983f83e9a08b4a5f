//! The thread that looks whether all loops go on, feeds the service manager's watchdog only while they do, and tells the status. It
//! is no task: where tasks hang, it must not.

use super::status::Seen;
use super::{Manager, Service, Wedged};
use crate::clock;
use crate::dispatch::Live;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// From one look to the next, at most.
const EVERY: Duration = Duration::from_secs(1);
/// How often the manager is asked for time before it is ready, and for how much.
const ASKS: Duration = Duration::from_secs(10);
const MORE: Duration = Duration::from_mins(1);
/// The rate is that of the last so many looks.
const LOOKS: usize = 10;

/// The thread at work.
#[derive(Debug)]
pub struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

struct Looker {
    manager: Manager,
    live: Live,
    service: Service,
    /// How often the watchdog is fed.
    feeds: Option<Duration>,
    fed: Option<Instant>,
    asked: Option<Instant>,
    said: BTreeSet<String>,
    told: String,
    pace: Pace,
}

/// How many mails were accepted, at the last looks.
#[derive(Default)]
struct Pace(VecDeque<(Instant, u64)>);

impl Pace {
    /// Mails a second, from when the first one of them was sent on.
    fn per_second(&mut self, now: Instant, accepted: impl FnOnce() -> u64) -> f64 {
        let looks = &mut self.0;
        if looks.back().is_none_or(|(at, _)| now.saturating_duration_since(*at) >= EVERY) {
            looks.push_back((now, accepted()));
        }
        while looks.len() > LOOKS || looks.len() > 2 && looks[0].1 == looks[1].1 {
            looks.pop_front();
        }
        let (Some((from, before)), Some((to, after))) = (looks.front(), looks.back()) else { return 0.0 };
        let seconds = to.saturating_duration_since(*from).as_secs_f64();
        if seconds > 0.0 { after.saturating_sub(*before) as f64 / seconds } else { 0.0 }
    }
}

impl Keeper {
    /// Begins to look. The watchdog, if there is one, is fed three times in its interval.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(manager: Manager, watchdog: Option<Duration>, live: Live, service: Service) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let (feeds, said, pace) = (watchdog.map(|interval| interval / 3), BTreeSet::new(), Pace::default());
        let mut looker =
            Looker { manager, live, service, feeds, fed: None, asked: None, said, told: String::new(), pace };
        // However late the thread gets its turn, a long start has asked for its time.
        looker.look(clock::monotonic());
        let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(move || looker.work(&stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it.
    pub fn end(self) {
        drop(self.stop);
        // It has panicked, or ends now: both are the end.
        let _ = self.thread.join();
    }
}

impl Looker {
    fn work(mut self, stopped: &Receiver<()>) {
        let step = self.feeds.map_or(EVERY, |feeds| feeds.min(EVERY));
        let mut last = clock::monotonic();
        loop {
            self.look(last);
            if stopped.recv_timeout(step) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let now = clock::monotonic();
            // This thread does nothing but sleep: if it slept too long, so did everybody.
            let over = now.saturating_duration_since(last).saturating_sub(step);
            if over > EVERY {
                self.live.pulses().forgive(over);
            }
            last = now;
        }
    }

    fn look(&mut self, now: Instant) {
        let wedged = self.live.pulses().wedged(now);
        self.tell_of(&wedged);
        if let Some(feeds) = self.feeds
            && wedged.is_empty()
            && self.fed.is_none_or(|fed| now.saturating_duration_since(fed) >= feeds)
        {
            self.manager.is_alive();
            self.fed = Some(now);
        }
        if !self.service.is_on_its_way(now) {
            self.asked = None;
        } else if wedged.is_empty() && self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= ASKS) {
            self.manager.extend(MORE);
            self.asked = Some(now);
        }
        if self.manager.listens() {
            self.tell_status(&wedged, now);
        }
    }

    fn tell_of(&mut self, wedged: &[Wedged]) {
        for Wedged { name, silent, within } in wedged {
            if self.said.insert(name.clone()) {
                let (silent_s, longest_s, fed) = (silent.as_secs(), within.as_secs(), self.feeds.is_some());
                tracing::error!(
                    name,
                    silent_s,
                    longest_s,
                    fed,
                    "a loop does nothing any more; where a watchdog is fed, it is not fed from now on"
                );
            }
        }
        let goes_on = |name: &String| !wedged.iter().any(|of| of.name == *name);
        for name in self.said.extract_if(.., goes_on) {
            tracing::warn!(name, "the loop goes on again");
        }
    }

    fn tell_status(&mut self, wedged: &[Wedged], now: Instant) {
        let per_second = self.pace.per_second(now, || self.live.accepted());
        let text = Seen::of(&self.service, &self.live, wedged, per_second, clock::now_ms()).text();
        if text != self.told {
            self.manager.status(&text);
            self.told = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_sending_and_the_quiet_time_before_it_does_not_count() {
        let (begin, mut pace) = (clock::monotonic(), Pace::default());
        let mut at = |second: u64, accepted| {
            let pace = pace.per_second(begin + Duration::from_secs(second), || accepted);
            format!("{pace:.1}")
        };
        assert!((0..30).all(|second| at(second, 7) == "0.0"));
        assert_eq!([at(30, 107), at(31, 207), at(32, 307)], ["100.0"; 3]);
        assert_eq!(at(33, 307), "75.0", "a second without any, in the midst");
        assert!((34..60).all(|second| at(second, 307) != "100.0") && at(60, 307) == "0.0");
        assert_eq!(at(61, 308), "1.0");
    }
}
