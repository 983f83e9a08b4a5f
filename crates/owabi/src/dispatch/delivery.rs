//! One connection at work: mail after mail, until it ends or is no longer needed.
//!
//! It takes jobs, renders them, asks for their intents, lets bodies leave when the intents are durable, and reports
//! every outcome. Outcomes and the intents of the mails that replace them travel in one note.

mod settling;

use super::courier::{IDLE, Shared, sleep_until};
use super::desk::Desk;
use super::feed::{Held, Taken};
use super::measured::Meter;
use super::recorder::{Grants, Note};
use super::seats::Seat;
use crate::clock::{monotonic, now_ms};
use crate::outgoing::Outgoing;
use crate::service::Pulse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

/// How often it is looked whether the mails under way go on.
const LOOK: Duration = Duration::from_secs(1);

/// One connection and the mails on it.
pub(super) struct Delivery<'a> {
    desk: &'a Arc<Desk>,
    shared: &'a Shared,
    seat: Seat,
    pulse: &'a Pulse,
    session: Outgoing,
    meter: Meter,
    /// The mails under way, by the number under which the session knows them.
    jobs: HashMap<u64, Held>,
    /// Mails whose intent is durable.
    granted: HashSet<u64>,
    /// Mails whose intent was refused: not ours any more, or the notice is paused.
    denied: HashSet<u64>,
    mails: u64,
    answer: mpsc::UnboundedSender<Grants>,
    grants: mpsc::UnboundedReceiver<Grants>,
    /// Mails finished on this connection.
    finished: u32,
    probing: bool,
    /// When a job may next be asked for (epoch milliseconds).
    ask_at: Option<i64>,
    note: Note,
    /// Jobs whose outcome is in the note; let go when the note is handed over.
    done: Vec<Held>,
    /// How far mails and connection were at the last look.
    moved: (u64, u64),
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        desk: &'a Arc<Desk>,
        shared: &'a Shared,
        (seat, pulse): (Seat, &'a Pulse),
        session: Outgoing,
        probing: bool,
    ) -> Self {
        let (answer, grants) = mpsc::unbounded_channel();
        Self {
            desk,
            shared,
            seat,
            pulse,
            session,
            meter: shared.measured.relay(&desk.relay.name),
            jobs: HashMap::new(),
            granted: HashSet::new(),
            denied: HashSet::new(),
            mails: 0,
            answer,
            grants,
            finished: 0,
            probing,
            ask_at: None,
            note: Note::default(),
            done: Vec::new(),
            moved: (0, 0),
        }
    }

    /// Takes the mails that the connection was opened for.
    pub(super) async fn start(&mut self, first: Vec<Held>) {
        for job in first {
            self.push(job).await;
        }
        self.send_note().await;
    }

    /// Until the connection ends or is no longer needed. Gives its seat back.
    pub(super) async fn run(mut self) -> Seat {
        let stop = self.shared.stop.clone();
        let abandon = self.shared.abandon.clone();
        let (feed, board) = (Arc::clone(&self.shared.feed), Arc::clone(&self.shared.board));
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Made before looking, so that nothing put in between is missed.
            let (news, stopped) = (feed.work.notified(), board.stopped.notified());
            self.call_back_stopped();
            self.fill().await;
            self.send_note().await;
            self.prove();
            if self.is_idle() && (self.session.spent() || stop.is_cancelled() || !self.usable()) {
                return self.leave().await;
            }
            let idle = self.is_idle();
            let hungry = self.hungry();
            tokio::select! {
                biased;
                progress = self.session.next() => {
                    if self.settle_all(progress).await {
                        return self.seat;
                    }
                }
                Some(grants) = self.grants.recv() => self.obey(&grants),
                () = news, if hungry => {}
                () = stopped, if !idle => {}
                () = sleep_until(self.ask_at), if hungry && self.ask_at.is_some() => {}
                () = stop.cancelled(), if hungry => {}
                () = abandon.cancelled() => {
                    self.session.hang_up("the time for stopping is over");
                    let progress = self.session.next().await;
                    self.settle_all(progress).await;
                    return self.seat;
                }
                () = tokio::time::sleep(IDLE), if idle => return self.leave().await,
                _ = looks.tick(), if !idle => {}
            }
        }
    }

    /// Beats while the mails under way go on. Without the database none does.
    fn prove(&mut self) {
        let moved = (self.mails, self.session.steps());
        if self.is_idle() || self.shared.database.is_away() || moved != self.moved {
            self.pulse.beat();
        }
        self.moved = moved;
    }

    /// Nothing is under way, and nothing that ended waits to be told: a denied mail ends without a reply.
    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.session.idle()
    }

    /// Another connection or nothing may be wanted of this relay now.
    fn usable(&self) -> bool {
        !self.seat.is_leaving() && (self.probing || self.desk.is_up())
    }

    /// There is room for a mail, and mails may be asked for.
    fn hungry(&self) -> bool {
        self.room() > 0 && !self.shared.stop.is_cancelled()
    }

    fn room(&self) -> usize {
        let room = self.session.room();
        let probing = self.probing && !self.desk.is_up();
        match (probing, self.usable()) {
            (_, false) => 0,
            (true, _) => room.min(1_usize.saturating_sub(self.jobs.len())),
            (false, true) => room,
        }
    }

    /// Takes as many mails as there is room for.
    async fn fill(&mut self) {
        self.ask_at = None;
        if !self.seat.stays(self.shared.fleet.is_valid(monotonic())) || !self.hungry() {
            return;
        }
        let now = now_ms();
        let most = match self.desk.paced(self.room(), now) {
            Ok(most) => most,
            Err(at) => {
                self.ask_at = Some(at);
                return;
            }
        };
        match self.shared.feed.take(self.desk.number, most, now) {
            Taken::Jobs(jobs) => {
                for job in jobs {
                    self.push(job).await;
                }
                if self.room() > 0 {
                    self.ask_at = Some(now + 20);
                }
            }
            Taken::Later(at) => self.ask_at = at,
            Taken::Closed => {}
        }
    }

    /// Renders a job, asks for its intent, and gives its envelope to the connection.
    async fn push(&mut self, job: Held) {
        if !job.run.may_begin(now_ms()) {
            return self.give_back(job);
        }
        let settings = &self.shared.settings;
        let (mut parcel, intent) = match job.pack(&settings.keys, &settings.bounce, &self.desk.relay.name) {
            Ok(packed) => packed,
            Err(reason) => return self.cannot_render(job, reason).await,
        };
        if self.session.max_size().is_some_and(|max| parcel.body.len() as u64 > max) {
            self.stop_notice(&job.run).await;
            return self.give_back(job);
        }
        self.mails += 1;
        parcel.id = self.mails;
        self.note.intents.push(intent);
        self.session.offer(&job.row, parcel);
        self.jobs.insert(self.mails, job);
    }

    /// The row fails alone, visibly; the others go on.
    async fn cannot_render(&self, job: Held, reason: String) {
        tracing::error!(
            notice = job.run.id,
            row = job.row.id,
            "a member's notice cannot be rendered; the row is failed, see the log verb"
        );
        self.shared.fail_unsent(&job.row, format!("render_failed: {reason}")).await;
        self.pulse.beat();
    }

    fn give_back(&mut self, job: Held) {
        self.note.back.push((job.row.id, job.row.fence, now_ms()));
        self.done.push(job);
    }

    /// A body may leave while its lease outlasts the wait for the reply to its dot.
    fn obey(&mut self, grants: &Grants) {
        // The steady clock first: should the process be stopped in between, permits end too early and not too late.
        let (now, now_ms) = (Instant::now(), now_ms());
        for grant in &grants.granted {
            let claim = grant.claim();
            let Some(job) = self.jobs.values().find(|job| (job.row.id, job.row.fence) == claim) else { continue };
            let left_ms = job.row.lease_until - now_ms - self.shared.settings.dot_ms;
            let until = now + Duration::from_millis(left_ms.max(0).unsigned_abs());
            self.granted.extend(self.session.permit(grant, until));
        }
        self.call_back_stopped();
        for claim in &grants.denied {
            self.denied.extend(self.session.refuse(*claim));
        }
    }

    /// A mail of a notice that was stopped, whose intent is durable and whose body has not begun to leave, does not leave:
    /// a relay may be slow to ask for it.
    fn call_back_stopped(&mut self) {
        for (mail, job) in &self.jobs {
            if job.run.is_stopped() && self.granted.contains(mail) {
                self.session.refuse((job.row.id, job.row.fence));
            }
        }
    }

    async fn send_note(&mut self) {
        let wanted = !self.note.intents.is_empty();
        if wanted || !self.note.settles.is_empty() || !self.note.back.is_empty() {
            let mut note = std::mem::take(&mut self.note);
            note.answer = wanted.then(|| self.answer.clone());
            self.pulse.waits_for(self.shared.recorder.note(note)).await;
        }
        self.done.clear();
    }

    /// Ends an idle connection politely.
    async fn leave(mut self) -> Seat {
        self.send_note().await;
        self.session.quit().await;
        self.seat
    }
}
