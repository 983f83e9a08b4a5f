//! One courier: opens connections to one relay for the mails that wait, and keeps going whatever happens to them.

use super::board::Board;
use super::database::{Database, harmless};
use super::delivery::Delivery;
use super::desk::{Consequence, Desk, Leave};
use super::feed::{Feed, Held, Taken};
use super::fleet::Fleet;
use super::recorder::{Note, Recorder, before};
use super::seats::Seat;
use super::{Counters, Measured, Settings, jitter};
use crate::alerts::Alerts;
use crate::clock::{monotonic, now_ms};
use crate::outgoing::Outgoing;
use crate::service::Pulse;
use owabi_core::outcome::{Fault, FaultKind, Phase};
use owabi_core::settle::Word;
use owabi_core::text::Text;
use owabi_store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An idle connection is kept this long for the next mail.
pub(super) const IDLE: Duration = Duration::from_secs(5);

/// A courier without a seat looks again after this, should it have missed that one became free.
const NO_SEAT: Duration = Duration::from_secs(1);

/// What all couriers share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) feed: Arc<Feed>,
    pub(super) recorder: Recorder,
    pub(super) store: Store,
    pub(super) settings: Arc<Settings>,
    pub(super) counters: Arc<Counters>,
    pub(super) measured: Measured,
    pub(super) fleet: Fleet,
    pub(super) database: Arc<Database>,
    pub(super) board: Arc<Board>,
    pub(super) alerts: Alerts,
    /// No new mails.
    pub(super) stop: CancellationToken,
    /// Not even the replies under way.
    pub(super) abandon: CancellationToken,
    /// Not even an answer of the database.
    pub(super) end: CancellationToken,
}

/// Works until the feed is closed or a stop is asked for. A panic costs the courier its connection, and leaves its rows
/// to their leases; the others do not notice.
pub(super) async fn tireless(desk: Arc<Desk>, shared: Shared, pulse: Pulse) {
    while let Err(error) = tokio::spawn(work(Arc::clone(&desk), shared.clone(), pulse.clone())).await {
        // The panic's own words may quote a member: only that it happened is said.
        let panicked = error.is_panic();
        tracing::error!(
            relay = desk.relay.name,
            panicked,
            "a courier broke down; its rows are free when their leases end"
        );
        desk.probe_ended();
        pulse.beat();
        tokio::time::sleep(IDLE).await;
    }
    pulse.retire();
}

/// It may wait for work, for its turn and for the recorder as long as these take. What it waits for with mails in its hands has
/// limits, and so has the courier.
async fn work(desk: Arc<Desk>, shared: Shared, pulse: Pulse) {
    while let Some((mut seat, first)) = pulse.waits_for(Box::pin(wait_for_jobs(&desk, &shared))).await {
        let stays = seat.stays(shared.fleet.is_valid(monotonic()));
        match if stays { desk.ask(now_ms()) } else { Leave::Wait(None) } {
            Leave::Go => connect(&desk, &shared, (seat, &pulse), first, false).await,
            Leave::Probe => connect(&desk, &shared, (seat, &pulse), first, true).await,
            Leave::Wait(until) => {
                drop(seat);
                pulse.waits_for(put_back(&shared, first)).await;
                pulse.waits_for(wait(&desk, until, &shared.stop)).await;
            }
        }
    }
}

/// A seat and the first job for a connection that is yet to be opened.
async fn wait_for_jobs(desk: &Desk, shared: &Shared) -> Option<(Seat, Vec<Held>)> {
    loop {
        let (notified, freed) = (shared.feed.work.notified(), desk.seats.freed.notified());
        if shared.stop.is_cancelled() {
            return None;
        }
        if let Leave::Wait(until) = desk.look(now_ms()) {
            wait(desk, until, &shared.stop).await;
            continue;
        }
        let Some(seat) = shared.fleet.is_valid(monotonic()).then(|| desk.seats.sit()).flatten() else {
            tokio::select! {
                () = freed => {}
                () = tokio::time::sleep(NO_SEAT) => {}
                () = shared.stop.cancelled() => return None,
            }
            continue;
        };
        match shared.feed.take(desk.number, 1, now_ms()) {
            Taken::Jobs(jobs) => {
                if let Some(jobs) = its_turn(desk, shared, jobs).await {
                    return Some((seat, jobs));
                }
            }
            Taken::Closed => return None,
            Taken::Later(at) => {
                drop(seat);
                tokio::select! {
                    () = notified => {}
                    () = sleep_until(at) => {}
                    () = shared.stop.cancelled() => return None,
                }
            }
        }
    }
}

/// Waits until the relay's pace allows a mail; a stop, of all or of the notice, sends the jobs home.
async fn its_turn(desk: &Desk, shared: &Shared, jobs: Vec<Held>) -> Option<Vec<Held>> {
    loop {
        let stopped = shared.board.stopped.notified();
        let goes_on = jobs.iter().all(|job| job.run.may_begin(now_ms())) && !shared.stop.is_cancelled();
        if !goes_on {
            put_back(shared, jobs).await;
            return None;
        }
        let Err(at) = desk.paced(1, now_ms()) else { return Some(jobs) };
        tokio::select! {
            () = sleep_until(Some(at)) => {}
            () = stopped => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

async fn wait(desk: &Desk, until: Option<i64>, stop: &CancellationToken) {
    tokio::select! {
        () = desk.changed.notified() => {}
        () = sleep_until(until.or(Some(now_ms() + 1000))) => {}
        () = stop.cancelled() => {}
    }
}

/// Jobs that nobody tried go back to the queue, due at once.
async fn put_back(shared: &Shared, jobs: Vec<Held>) {
    let back = jobs.iter().map(|job| (job.row.id, job.row.fence, now_ms())).collect();
    shared.recorder.note(Note { back, ..Note::default() }).await;
}

async fn connect(desk: &Arc<Desk>, shared: &Shared, (seat, pulse): (Seat, &Pulse), first: Vec<Held>, probing: bool) {
    let relay = desk.relay_now();
    desk.opens(now_ms());
    pulse.within(shared.settings.opening).beat();
    let opened = tokio::select! {
        opened = Outgoing::open(&relay) => opened,
        () = shared.abandon.cancelled() => Err(local("shutting down")),
    };
    pulse.beat();
    match opened {
        Ok(session) => {
            desk.opened();
            let mut delivery = Delivery::new(desk, shared, (seat, pulse), session, probing);
            delivery.start(first).await;
            let seat = delivery.run().await;
            if shared.store.is_shared() {
                pulse.waits_for(settled(shared)).await;
            }
            drop(seat);
        }
        Err(fault) => {
            pulse.waits_for(put_back(shared, first)).await;
            alert(desk, desk.fault(&fault, 0, now_ms(), jitter()), &fault);
            shared.feed.set_up(desk.number, desk.serves());
        }
    }
    if probing {
        desk.probe_ended();
    }
}

/// Its mails count as under way until their outcomes are durable: only then may another daemon have the seat.
async fn settled(shared: &Shared) {
    tokio::select! {
        () = shared.recorder.flush() => {}
        () = shared.stop.cancelled() => {}
    }
}

fn local(detail: &str) -> Fault {
    Fault { phase: Phase::Connect, kind: FaultKind::Local, reply: None, detail: Text::same(detail) }
}

pub(super) fn alert(desk: &Desk, consequence: Consequence, fault: &Fault) {
    if consequence == Consequence::Paused {
        let (relay, failures) = (&desk.relay.name, desk.failures());
        tracing::error!(relay, failures, phase = fault.phase.as_str(), fault = %masked(fault), "the relay is paused; no attempt is used");
    }
}

/// A relay's words may quote addresses; the log gets the code only. The attempt's row keeps the whole reply.
fn masked(fault: &Fault) -> String {
    let detail = &fault.detail.en;
    fault.reply.as_ref().map_or_else(|| detail.clone(), |reply| format!("{detail} (code {})", reply.code))
}

impl Shared {
    pub(super) async fn fail_unsent(&self, row: &owabi_store::Claimed, reason: String) {
        self.counters.count(Word::Failed);
        let rows = [(row.id, row.fence, reason)];
        if let Err(why) = self.in_time(Box::pin(self.store.fail_unsent(&rows, now_ms()))).await {
            tracing::error!(row = row.id, why, "the row stays with its lease");
        }
    }

    /// What the database answers before the end, or why it did nothing.
    pub(super) async fn in_time<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, String> {
        match before(&self.end, answer).await {
            Some(answer) => answer.map_err(|error| harmless(&error)),
            None => Err("no answer from the database before the end".to_owned()),
        }
    }
}

/// Sleeps until a time of the clock; without one, for ever.
pub(super) async fn sleep_until(at: Option<i64>) {
    match at {
        Some(at) => tokio::time::sleep(Duration::from_millis(at.saturating_sub(now_ms()).max(0).unsigned_abs())).await,
        None => std::future::pending().await,
    }
}
