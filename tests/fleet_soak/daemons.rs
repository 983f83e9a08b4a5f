//! Several daemons on one PostgreSQL, and what may happen to them and to it.

use super::evidence::Evidence;
use super::{BOUND, IN_FLIGHT, LEASE};
use crate::soak::Dice;
use crate::support::postgres::{Database, Server, Stop};
use crate::support::program::{Program, Running};
use owabi::clock::monotonic;
use std::fmt;
use std::time::{Duration, Instant};

/// So many daemons at a time.
const DAEMONS: usize = 4;
/// A daemon that ends by itself has found no database when it began, not later than this after its start.
const STARTING: Duration = Duration::from_secs(20);

/// What happens, in this order again and again. Who is hit, and when exactly, is for the dice.
const DAY: [Event; 8] = [
    Event::Kill,
    Event::Freeze,
    Event::Crash,
    Event::Kill,
    Event::Freeze,
    Event::Stop,
    Event::Kill,
    Event::CrashAndStop,
];

#[derive(Clone, Copy, Debug)]
enum Event {
    /// kill -9 of a daemon; another one starts.
    Kill,
    /// SIGSTOP of a daemon for longer than its leases, then SIGCONT.
    Freeze,
    /// SIGTERM of a daemon; another one starts.
    Stop,
    /// The database ends as by a power cut, and starts again.
    Crash,
    /// The same, and a daemon is asked to stop meanwhile.
    CrashAndStop,
}

/// What happened, for the report.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Happened {
    pub(super) kills: usize,
    pub(super) freezes: usize,
    pub(super) stops: usize,
    pub(super) crashes: usize,
    /// The most mails of one daemon that a kill left in doubt.
    pub(super) most_by_a_kill: usize,
}

impl fmt::Display for Happened {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, freezes, stops, crashes, most_by_a_kill } = self;
        write!(out, "{kills} kills (at most {most_by_a_kill} in doubt by one), {freezes} freezes, {stops} stops, ")?;
        write!(out, "{crashes} crashes of the database")
    }
}

/// One daemon. Each has a database role of its own, so that the database can tell who did what.
struct Daemon {
    role: String,
    running: Running,
    started: Instant,
    thaw_at: Option<Instant>,
}

/// Four daemons, the database, and the dice.
pub(super) struct Daemons<'a> {
    program: &'a Program,
    server: &'a Server,
    database: &'a Database,
    at_work: Vec<Daemon>,
    leaving: Vec<Running>,
    started: usize,
    dice: Dice,
    pub(super) happened: Happened,
}

impl<'a> Daemons<'a> {
    pub(super) fn start(program: &'a Program, server: &'a Server, database: &'a Database, seed: u64) -> Self {
        let (happened, dice) = (Happened::default(), Dice::new(seed));
        let (at_work, leaving) = (Vec::new(), Vec::new());
        let mut daemons = Self { program, server, database, at_work, leaving, started: 0, dice, happened };
        (0..DAEMONS).for_each(|_| daemons.start_one());
        daemons
    }

    fn start_one(&mut self) {
        self.started += 1;
        let role = Evidence::role(self.started);
        let mut command = self.program.command(&["run"]);
        command.env("PGUSER", &role);
        let running = self.program.spawn(command);
        self.at_work.push(Daemon { role, running, started: monotonic(), thaw_at: None });
    }

    /// Wakes who has slept long enough, and replaces who found no database when it started.
    pub(super) fn tend(&mut self) {
        let now = monotonic();
        for daemon in self.at_work.iter_mut().filter(|daemon| daemon.thaw_at.is_some_and(|at| at <= now)) {
            daemon.running.thaw();
            daemon.thaw_at = None;
        }
        for n in (0..self.at_work.len()).rev() {
            if self.at_work[n].running.has_ended() {
                let ended = self.at_work.remove(n);
                assert!(now - ended.started < STARTING, "a daemon ended by itself: {}", self.said());
                self.start_one();
            }
        }
        self.leaving.retain_mut(|running| !running.has_ended());
    }

    pub(super) fn next_event(&mut self, number: usize) {
        match DAY[number % DAY.len()] {
            Event::Kill => self.kill(),
            Event::Freeze => self.freeze(),
            Event::Stop => self.stop(),
            Event::Crash => self.crash(),
            Event::CrashAndStop => self.crash_and_stop(),
        }
    }

    /// Any of them.
    fn somebody(&mut self) -> usize {
        usize::try_from(self.dice.below(self.at_work.len() as u64)).unwrap()
    }

    fn kill(&mut self) {
        self.happened.kills += 1;
        let n = self.somebody();
        let Daemon { role, running, .. } = self.at_work.remove(n);
        let number = running.number();
        running.kill();
        let open = Evidence::open_intents_of(self.database, &role);
        let bound = Evidence::connections_of(self.database, number).map_or(BOUND, |of| of * IN_FLIGHT);
        assert!(open <= bound.min(BOUND), "{role} left {open} in doubt, and had {bound} under way at the most");
        self.happened.most_by_a_kill = self.happened.most_by_a_kill.max(open);
        self.start_one();
    }

    fn freeze(&mut self) {
        let n = self.somebody();
        if self.at_work.iter().filter(|daemon| daemon.thaw_at.is_none()).count() < 2
            || self.at_work[n].thaw_at.is_some()
        {
            return;
        }
        self.happened.freezes += 1;
        let span = LEASE + Duration::from_millis(1_500 + self.dice.below(3_000));
        self.at_work[n].running.freeze();
        self.at_work[n].thaw_at = Some(monotonic() + span);
    }

    fn stop(&mut self) {
        self.happened.stops += 1;
        let n = self.somebody();
        let Daemon { running, thaw_at, .. } = self.at_work.remove(n);
        running.ask_to_stop();
        if thaw_at.is_some() {
            running.thaw();
        }
        self.leaving.push(running);
        self.start_one();
    }

    fn crash(&mut self) {
        self.happened.crashes += 1;
        self.server.stop(Stop::Immediate);
        std::thread::sleep(Duration::from_millis(self.dice.below(2_500)));
        self.server.start();
    }

    /// The database is away for longer than a stop waits for it.
    fn crash_and_stop(&mut self) {
        self.happened.crashes += 1;
        self.server.stop(Stop::Immediate);
        self.stop();
        std::thread::sleep(Duration::from_millis(2_000 + self.dice.below(1_500)));
        self.server.start();
    }

    /// All of them end in order.
    pub(super) fn end(mut self) -> Happened {
        for daemon in &self.at_work {
            daemon.running.thaw();
        }
        let ends: Vec<_> = self.at_work.drain(..).map(|daemon| daemon.running.terminate()).collect();
        assert!(ends.iter().all(std::process::ExitStatus::success), "{ends:?}: {}", self.said());
        self.leaving.drain(..).for_each(|running| _ = running.wait());
        self.happened
    }

    /// The end of what they said.
    pub(super) fn said(&self) -> String {
        let all = std::fs::read_to_string(self.program.path("stderr.log")).unwrap();
        let lines: Vec<&str> = all.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}
