//! The claimer keeps the feed filled: released notices in turn, a few hundred rows at a time.

mod texts;

use super::Settings;
use super::courier::Shared;
use super::database::harmless;
use super::desk::Desk;
use super::job::{Job, NoticeRun};
use super::live::Live;
use super::said;
use super::take_over;
use super::throughput::Throughput;
use crate::alerts::Kind;
use crate::cli::state_reason;
use crate::clock::{monotonic, now_ms};
use crate::config::Config;
use crate::service::Pulse;
use owabi_core::watch::{self, Canary};
use owabi_store::{CanaryClaim, Claimed, NoticeRow, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Failures in a row of every relay after which `--until-idle` gives up.
const HOPELESS: i64 = 3;
/// How often leases that ended are looked for.
const LOOK_FOR_ENDED: Duration = Duration::from_secs(1);
/// The longest wait before a database that failed is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Why the claimer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing is due any more.
    Idle,
    /// A stop was asked for.
    Stopped,
    /// No relay can be reached.
    RelaysDown,
}

pub(super) struct Claimer {
    pub(super) shared: Shared,
    pub(super) desks: Vec<Arc<Desk>>,
    pub(super) live: Live,
    pub(super) until_idle: bool,
    /// Notices and released texts that are not on this host, complained about, and when they were last looked for.
    pub(super) missing: BTreeMap<(String, String), Instant>,
    /// Where the notices lie.
    pub(super) config: Arc<Config>,
    pub(super) throughput: Throughput,
    /// When ended leases were last looked for.
    pub(super) looked_at: Option<Instant>,
    /// When the daemon started, if it is alone on its database.
    pub(super) alone_since: Option<(i64, Instant)>,
    /// Rows to give back as soon as the database takes them: id, fence, due at.
    pub(super) back: Vec<(i64, i64, i64)>,
    pub(super) pulse: Pulse,
}

impl Claimer {
    /// Claims until a stop, or until nothing is due.
    pub(super) async fn work(&mut self) -> End {
        loop {
            if self.shared.stop.is_cancelled() {
                return End::Stopped;
            }
            if self.until_idle && self.desks.iter().all(|desk| desk.failures() >= HOPELESS) {
                return End::RelaysDown;
            }
            match self.watched_round().await {
                Ok(claimed) if claimed > 0 => self.wait_for_room().await,
                Ok(_) if self.until_idle && self.is_idle() => {
                    if self.nothing_came_back().await {
                        return End::Idle;
                    }
                }
                Ok(_) => self.pulse.waits_for(self.pause(Duration::MAX)).await,
                Err(_) => self.pause(TRY_AGAIN).await,
            }
        }
    }

    /// Nothing in memory, nothing sent back only for its domain's pace, and nothing due that waits for other daemons.
    fn is_idle(&self) -> bool {
        let feed = &self.shared.feed;
        feed.len() == 0 && now_ms() > feed.paced_until() && !self.shared.fleet.waits()
    }

    /// Outcomes that were under way are durable now, and none of them made a row due.
    async fn nothing_came_back(&mut self) -> bool {
        tokio::select! {
            () = self.pulse.waits_for(self.shared.recorder.flush()) => {}
            () = self.shared.stop.cancelled() => return false,
        }
        matches!(self.watched_round().await, Ok(0)) && self.is_idle()
    }

    /// A round, and what it says of the database.
    async fn watched_round(&mut self) -> Result<usize, StoreError> {
        self.pulse.beat();
        self.shared.database.claiming.asks(now_ms());
        let done = self.round().await;
        self.heed(done.as_ref().err());
        done
    }

    /// Trouble is said when it begins and when it ends, and not at every try.
    fn heed(&self, error: Option<&StoreError>) {
        let claiming = &self.shared.database.claiming;
        match error {
            Some(error) if claiming.fails(error, now_ms()) => {
                tracing::error!(error = harmless(error), "cannot claim; trying again");
            }
            Some(_) => {}
            None if claiming.works(now_ms()) => tracing::info!("rows can be claimed again"),
            None => {}
        }
    }

    /// One look at every released notice. Returns how many rows were claimed.
    async fn round(&mut self) -> Result<usize, StoreError> {
        self.give_back_expired().await?;
        let notices = self.shared.store.notices().await?;
        self.take_over(&notices).await?;
        // Also while the relays are down: the mail in doubt may be the only one left to try them with.
        self.shared.store.send_again(self.shared.settings.patience_ms, now_ms()).await?;
        if !self.has_a_part() {
            return self.wait_for_a_part(&notices).await;
        }
        if !self.desks.iter().any(|desk| desk.is_up()) {
            self.empty_the_feed().await?;
            return self.claim_for_probing(&notices).await;
        }
        let mut claimed = 0;
        for row in &notices {
            if let Some(run) = self.run_of(row).await? {
                claimed += self.claim(&run, row, self.rows()).await?;
                self.pulse.beat();
            }
        }
        self.shared.fleet.looked(false);
        Ok(claimed)
    }

    /// Settles what other daemons, or a courier of this one, held when their leases ended. Outcomes that this one has in
    /// hand come first: after some time without the database they are all that is known about their mails.
    async fn take_over(&mut self, notices: &[NoticeRow]) -> Result<(), StoreError> {
        if self.looked_at.is_none_or(|at| at.elapsed() >= LOOK_FOR_ENDED) {
            tokio::select! {
                () = self.pulse.waits_for(self.shared.recorder.flush()) => {}
                () = self.shared.stop.cancelled() => return Ok(()),
            }
            take_over::ended(&self.shared.store, &self.live.library(), notices, self.ended_by()).await?;
            self.looked_at = Some(monotonic());
        }
        Ok(())
    }

    /// By when leases have ended: by the clock of the shared database, or by the time that really passed here.
    fn ended_by(&self) -> i64 {
        let alone =
            self.alone_since.map(|(at_ms, at)| (at_ms, i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX)));
        alone.map_or_else(now_ms, |(at_ms, elapsed_ms)| take_over::by_steady_time(now_ms(), at_ms, elapsed_ms))
    }

    /// This daemon may have connections.
    fn has_a_part(&self) -> bool {
        self.shared.fleet.is_valid(monotonic()) && self.desks.iter().any(|desk| desk.seats.any())
    }

    /// The other daemons have all connections, or this one had nothing to do: rows wait in the queue, not in its memory.
    async fn wait_for_a_part(&mut self, notices: &[NoticeRow]) -> Result<usize, StoreError> {
        self.give_all_back().await?;
        let mut due = false;
        for row in notices {
            due |= self.run_of(row).await?.is_some()
                && self.shared.store.next_due(&row.id).await?.is_some_and(|at| at <= now_ms());
        }
        self.shared.fleet.looked(due);
        Ok(0)
    }

    /// How many rows may be claimed at once, and wait in memory.
    fn rows(&self) -> i64 {
        let settings = &self.shared.settings;
        let lease_ms = settings.lease_ms - settings.lease_at_least_ms;
        self.throughput.rows(lease_ms, settings.slots.min(settings.claim), settings.claim)
    }

    /// Rows that waited in memory until too little of their lease is left: the relays are slower than was thought.
    async fn give_back_expired(&mut self) -> Result<(), StoreError> {
        let now = now_ms();
        self.throughput.look(now, self.shared.counters.total(), self.shared.feed.len() == 0);
        let expired = self.shared.feed.expired(now + self.shared.settings.lease_at_least_ms);
        self.give_back(expired.iter().map(|job| (job.row.id, job.row.fence, now))).await
    }

    /// Gives rows back, and those that could not be given back before.
    async fn give_back(&mut self, rows: impl IntoIterator<Item = (i64, i64, i64)>) -> Result<(), StoreError> {
        self.back.extend(rows);
        if !self.back.is_empty() {
            self.shared.store.give_back(&self.back, now_ms()).await?;
            self.back.clear();
        }
        Ok(())
    }

    /// What waits in memory leaves it when its lease is short; the watch takes out what is not to be sent any more.
    async fn look_after_memory(&mut self) -> Result<(), StoreError> {
        let notices = self.shared.store.notices().await?;
        self.take_over(&notices).await?;
        self.give_back_expired().await
    }

    /// While every relay is down the rows wait in the queue, not in memory.
    async fn empty_the_feed(&mut self) -> Result<(), StoreError> {
        if self.shared.feed.free_len() > 1 {
            self.give_all_back().await?;
        }
        Ok(())
    }

    async fn claim_for_probing(&mut self, notices: &[NoticeRow]) -> Result<usize, StoreError> {
        if self.shared.feed.len() > 0 {
            return Ok(0);
        }
        for row in notices {
            if let Some(run) = self.run_of(row).await?
                && self.claim(&run, row, 1).await? > 0
            {
                return Ok(0);
            }
        }
        Ok(0)
    }

    /// Takes up to `limit` due rows of a notice; while its canary is not judged, no more than belong to that.
    async fn claim(&mut self, run: &Arc<NoticeRun>, row: &NoticeRow, limit: i64) -> Result<usize, StoreError> {
        let (now, lease_ms) = (now_ms(), self.shared.settings.lease_ms);
        if run.policy().canary > 0 && row.canary_passed_at.is_none() {
            let (text, size) = (row.fingerprint.as_deref().unwrap_or_default(), i64::from(run.policy().canary));
            let of = CanaryClaim { notice_id: &run.id, text, size, now, lease_ms, limit };
            let rows = self.shared.store.claim_canary(of).await?;
            if !rows.is_empty() || !self.canary_passed(run, text).await? {
                return self.take_in(run, rows, now).await;
            }
        }
        let rows = self.shared.store.claim(&run.id, now, lease_ms, limit).await?;
        self.take_in(run, rows, now).await
    }

    /// Whether the canary, of which nobody else is due, is well. One that is not pauses the notice.
    async fn canary_passed(&self, run: &NoticeRun, text: &str) -> Result<bool, StoreError> {
        let (store, alerts) = (&self.shared.store, &self.shared.alerts);
        let outcomes = store.canary_outcomes(&run.id, text).await?;
        match watch::canary(outcomes, run.policy().breaker) {
            Canary::Waits => Ok(false),
            Canary::Passed => {
                if store.pass_canary(&run.id, text, outcomes, now_ms()).await? {
                    alerts.raise(Kind::CanaryPassed, Some(&run.id), said::canary_passed(outcomes));
                }
                Ok(true)
            }
            Canary::Failed => {
                let said = said::canary_failed(outcomes);
                let reason = state_reason::canary_failed(outcomes);
                if store.trip(&run.id, Some(text), (&reason, outcomes), now_ms()).await? {
                    self.shared.board.stop(&run.id);
                    alerts.raise(Kind::CanaryFailed, Some(&run.id), said);
                }
                Ok(false)
            }
        }
    }

    async fn take_in(&mut self, run: &Arc<NoticeRun>, rows: Vec<Claimed>, now: i64) -> Result<usize, StoreError> {
        let claimed = rows.len();
        let mut jobs = Vec::with_capacity(claimed);
        for row in rows {
            match Job::new(row, Arc::clone(run)) {
                Ok(job) => jobs.push(job),
                Err(unsendable) => self.shared.fail_unsent(&unsendable.row, unsendable.reason).await,
            }
        }
        let over = self.shared.feed.put(jobs, now);
        self.give_back(over.iter().map(|(job, at)| (job.row.id, job.row.fence, *at))).await?;
        Ok(claimed)
    }

    pub(super) async fn give_all_back(&mut self) -> Result<(), StoreError> {
        let (now, jobs) = (now_ms(), self.shared.feed.drain());
        self.give_back(jobs.iter().map(|job| (job.row.id, job.row.fence, now))).await
    }

    /// Until less than a claim waits in memory.
    async fn wait_for_room(&mut self) {
        while self.has_enough() && !self.shared.stop.is_cancelled() {
            self.pulse.beat();
            self.shared.database.claiming.asks(now_ms());
            let done = self.look_after_memory().await;
            self.heed(done.as_ref().err());
            tokio::select! {
                () = self.shared.feed.room.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
                () = self.shared.stop.cancelled() => {}
            }
            if !self.has_a_part() || !self.desks.iter().any(|desk| desk.serves()) {
                return;
            }
        }
    }

    fn has_enough(&self) -> bool {
        self.shared.feed.free_len() >= usize::try_from(self.rows()).unwrap_or(usize::MAX)
    }

    /// Nothing was due: look again soon, at once when the last mail under way is settled.
    async fn pause(&self, longest: Duration) {
        let Settings { poll, .. } = *self.shared.settings;
        let poll = poll.min(longest);
        let poll = if self.until_idle { poll.min(Duration::from_millis(100)) } else { poll };
        tokio::select! {
            () = self.shared.feed.room.notified() => {}
            () = tokio::time::sleep(poll) => {}
            () = self.shared.stop.cancelled() => {}
        }
    }
}
