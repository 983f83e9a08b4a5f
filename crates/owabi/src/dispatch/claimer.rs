//! The claimer keeps the feed filled: released notices in turn, a few hundred rows at a time.

use super::Settings;
use super::courier::Shared;
use super::desk::Desk;
use super::job::{Job, NoticeRun};
use crate::clock::now_ms;
use crate::library::Library;
use owabi_store::{NoticeRow, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Failures in a row of every relay after which `--until-idle` gives up.
const HOPELESS: i64 = 3;

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
    pub(super) library: Arc<Library>,
    pub(super) until_idle: bool,
    pub(super) runs: BTreeMap<String, Arc<NoticeRun>>,
    /// Notices already complained about.
    pub(super) complained: BTreeSet<String>,
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
            match self.round().await {
                Ok(claimed) if claimed > 0 => self.wait_for_room().await,
                Ok(_) if self.until_idle && self.is_idle() => {
                    if self.nothing_came_back().await {
                        return End::Idle;
                    }
                }
                Ok(_) => self.pause().await,
                Err(error) => {
                    tracing::error!(%error, "cannot claim; trying again");
                    self.pause().await;
                }
            }
        }
    }

    /// Nothing in memory, and nothing sent back only for its domain's pace.
    fn is_idle(&self) -> bool {
        self.shared.feed.len() == 0 && now_ms() > self.shared.feed.paced_until()
    }

    /// Outcomes that were under way are durable now, and none of them made a row due.
    async fn nothing_came_back(&mut self) -> bool {
        self.shared.recorder.flush().await;
        matches!(self.round().await, Ok(0)) && self.is_idle()
    }

    /// One look at every released notice. Returns how many rows were claimed.
    async fn round(&mut self) -> Result<usize, StoreError> {
        // Also while the relays are down: the mail in doubt may be the only one left to try them with.
        self.shared.store.send_again(now_ms()).await?;
        if !self.desks.iter().any(|desk| desk.is_up()) {
            self.keep_one_for_probing().await?;
            return self.claim_for_probing().await;
        }
        let mut claimed = 0;
        for row in self.shared.store.notices().await? {
            if let Some(run) = self.run_of(&row) {
                claimed += self.claim(&run, self.shared.settings.claim).await?;
            }
        }
        Ok(claimed)
    }

    /// While every relay is down the rows wait in the queue, not in memory; one stays, to try the relays with.
    async fn keep_one_for_probing(&self) -> Result<(), StoreError> {
        if self.shared.feed.free_len() > 1 {
            self.give_all_back().await?;
        }
        Ok(())
    }

    async fn claim_for_probing(&mut self) -> Result<usize, StoreError> {
        if self.shared.feed.len() > 0 {
            return Ok(0);
        }
        for row in self.shared.store.notices().await? {
            if let Some(run) = self.run_of(&row)
                && self.claim(&run, 1).await? > 0
            {
                return Ok(0);
            }
        }
        Ok(0)
    }

    async fn claim(&self, run: &Arc<NoticeRun>, limit: i64) -> Result<usize, StoreError> {
        let (now, settings) = (now_ms(), &self.shared.settings);
        let rows = self.shared.store.claim(&run.id, now, settings.lease_ms, run.resend_after_ms, limit).await?;
        let claimed = rows.len();
        let mut jobs = Vec::with_capacity(claimed);
        for row in rows {
            match Job::new(row, Arc::clone(run)) {
                Ok(job) => jobs.push(job),
                Err(unsendable) => self.shared.fail_unsent(&unsendable.row, unsendable.reason).await,
            }
        }
        let over = self.shared.feed.put(jobs, now);
        let back: Vec<_> = over.iter().map(|(job, at)| (job.row.id, job.row.fence, *at)).collect();
        if !back.is_empty() {
            self.shared.store.give_back(&back, now_ms()).await?;
        }
        Ok(claimed)
    }

    /// The released notice as it may be sent: only with exactly the text that was released.
    fn run_of(&mut self, row: &NoticeRow) -> Option<Arc<NoticeRun>> {
        if row.state != "released" {
            return None;
        }
        if let Some(run) = self.runs.get(&row.id).filter(|run| !run.stopped.load(Ordering::Relaxed)) {
            let same = row.fingerprint.as_deref() == Some(run.notice.renderer.fingerprint_hex().as_str());
            return same
                .then(|| Arc::clone(run))
                .or_else(|| self.complain(&row.id, "its text is not the one that was released"));
        }
        let notice = match self.library.get(&row.id) {
            Ok(notice) => notice,
            Err(error) => return self.complain(&row.id, &error),
        };
        if row.fingerprint.as_deref() != Some(notice.renderer.fingerprint_hex().as_str()) {
            return self.complain(
                &row.id,
                "its text changed after the release; restore it, or preflight, approve and release again",
            );
        }
        let run = Arc::new(NoticeRun::new(&row.id, notice));
        self.runs.insert(row.id.clone(), Arc::clone(&run));
        Some(run)
    }

    fn complain<T>(&mut self, id: &str, why: &str) -> Option<T> {
        if self.complained.insert(id.to_owned()) {
            tracing::error!(notice = id, why, "a released notice is not sent");
        }
        None
    }

    pub(super) async fn give_all_back(&self) -> Result<(), StoreError> {
        let now = now_ms();
        let back: Vec<_> = self.shared.feed.drain().iter().map(|job| (job.row.id, job.row.fence, now)).collect();
        if !back.is_empty() {
            self.shared.store.give_back(&back, now).await?;
        }
        Ok(())
    }

    /// Until less than a claim waits in memory.
    async fn wait_for_room(&self) {
        let enough = usize::try_from(self.shared.settings.claim).unwrap_or(usize::MAX);
        while self.shared.feed.free_len() >= enough && !self.shared.stop.is_cancelled() {
            tokio::select! {
                () = self.shared.feed.room.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
                () = self.shared.stop.cancelled() => {}
            }
            if !self.desks.iter().any(|desk| desk.is_up()) {
                return;
            }
        }
    }

    /// Nothing was due: look again soon, at once when the last mail under way is settled.
    async fn pause(&self) {
        let Settings { poll, .. } = *self.shared.settings;
        let poll = if self.until_idle { poll.min(Duration::from_millis(100)) } else { poll };
        tokio::select! {
            () = self.shared.feed.room.notified() => {}
            () = tokio::time::sleep(poll) => {}
            () = self.shared.stop.cancelled() => {}
        }
    }
}
