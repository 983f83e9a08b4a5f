//! What becomes of a mail that finished: its outcome is judged, settled and put into the next note.

use super::Delivery;
use crate::alerts::Kind;
use crate::cli::say::{Text, say};
use crate::cli::state_reason;
use crate::clock::now_ms;
use crate::dispatch::courier::alert;
use crate::dispatch::desk::Consequence;
use crate::dispatch::feed::Held;
use crate::dispatch::jitter;
use crate::dispatch::job::NoticeRun;
use owabi_core::lifecycle::Impossible;
use owabi_core::outcome::{FaultKind, Outcome, Phase};
use owabi_core::reply::Reply;
use owabi_core::retry::relay_pause_ms;
use owabi_core::settle::{Circumstances, Settlement, settle};
use owabi_smtp::pipeline::Finished;
use owabi_smtp::session::Progress;
use owabi_store::Settle;

impl Delivery<'_> {
    /// Records what finished; true when the connection is over.
    pub(super) async fn settle_all(&mut self, progress: Progress) -> bool {
        for finished in progress.finished {
            self.settle_one(finished).await;
        }
        let Some(fault) = progress.closed else { return false };
        self.send_note().await;
        let consequence = self.desk.fault(&fault, self.finished, now_ms(), jitter());
        alert(self.desk, consequence, &fault);
        self.shared.feed.set_up(self.desk.number, self.desk.serves());
        true
    }

    async fn settle_one(&mut self, finished: Finished) {
        let Some(job) = self.jobs.remove(&finished.id) else { return };
        self.session.forget((job.row.id, job.row.fence));
        self.granted.remove(&finished.id);
        if self.denied.remove(&finished.id) {
            return self.give_back(job);
        }
        let now = now_ms();
        let (consequence, suspect) = self.desk.judge(&finished.outcome, job.address.domain(), now, jitter());
        self.finished += u32::from(matches!(finished.outcome, Outcome::Accepted(_) | Outcome::Refused(..)));
        let at = self.circumstances(&job, &finished.outcome, now, suspect);
        let settlement = settle(&finished.outcome, &at);
        self.shared.counters.count(settlement.word);
        self.meter.count(settlement.word, finished.elapsed);
        if let Ok(row) = self.row(&job, &settlement, finished, now) {
            self.note.settles.push(row);
        }
        match consequence {
            Consequence::None => {}
            Consequence::StopNotice => self.stop_notice(&job.run).await,
            Consequence::Paused => {
                let relay = &self.desk.relay.name;
                tracing::error!(
                    relay,
                    reason = settlement.reason,
                    "the relay refuses every mail of ours; it is paused, no attempt is used"
                );
                self.shared.feed.set_up(self.desk.number, false);
                // The probe has its verdict: the next one comes after the pause.
                self.probing = false;
            }
        }
        if self.desk.is_up() {
            self.probing = false;
            self.shared.feed.set_up(self.desk.number, self.desk.serves());
        }
        self.done.push(job);
    }

    fn circumstances<'b>(&'b self, job: &Held, outcome: &Outcome, now: i64, sender_suspect: bool) -> Circumstances<'b> {
        let settings = &self.shared.settings;
        let again = matches!(outcome, Outcome::NotSent(_)) && job.row.number == 1;
        let pauses = settings.pauses;
        let pause = relay_pause_ms(pauses.first_ms, pauses.max_ms, (job.row.number - 1).max(1), jitter());
        Circumstances {
            now,
            queued_at: job.row.queued_at,
            used: job.row.attempts,
            retry: &settings.retry,
            resend_after_ms: job.run.resend_after_ms,
            doubts: job.row.doubts,
            other_form_left: job.other_form_left(),
            sender_suspect,
            called_back: job.run.is_stopped() && is_ours(outcome),
            relay_due_at: if again { now } else { now + pause },
            jitter: if settings.jitter { jitter() } else { 1.0 },
        }
    }

    fn row(&self, job: &Held, settlement: &Settlement, finished: Finished, now: i64) -> Result<Settle, Impossible> {
        let (phase, reply, mut detail) = evidence(finished.outcome);
        if settlement.reason == Some("paused") {
            // No relay said anything.
            detail = None;
        }
        Ok(Settle {
            id: job.row.id,
            fence: job.row.fence,
            at: now,
            outcome: settlement.word.as_str().into(),
            status: settlement.status()?,
            due_at: settlement.due_at,
            spent: settlement.spent,
            reason: settlement.reason.map(Into::into),
            plain_form: settlement.use_other_form,
            phase: Some(phase.as_str().into()),
            reply,
            detail,
            tls: self.session.tls().map(str::to_owned),
            duration_ms: i64::try_from(finished.elapsed.as_millis()).unwrap_or(i64::MAX),
        })
    }

    /// The message is larger than the relay takes: nobody else of this notice is tried.
    pub(super) async fn stop_notice(&self, run: &NoticeRun) {
        let notice_id = run.id.as_str();
        if !run.stop() {
            return;
        }
        self.shared.board.stopped.notify_waiters();
        let reason = state_reason::message_too_large(&self.desk.relay.name);
        tracing::error!(notice = notice_id, reason, "the notice is paused");
        let pause = (&["released"][..], "paused");
        let paused = self.shared.store.set_state(notice_id, pause, Some(&reason), "owabi", now_ms());
        match self.shared.in_time(Box::pin(paused)).await {
            Ok(true) => {
                let said = too_large(&self.desk.relay.name);
                self.shared.alerts.raise(Kind::MessageTooLarge, Some(notice_id), said);
            }
            Ok(false) => {}
            Err(why) => tracing::error!(notice = notice_id, why, "the notice could not be paused"),
        }
    }
}

fn too_large(relay: &str) -> Text {
    say!(
        ja: "メールが中継サーバー {relay} の受け付ける大きさを超えているため、お知らせを一時停止しました。",
        en: "the message is larger than relay {relay} takes; the notice is paused"
    )
}

/// It was this machine that kept the mail.
fn is_ours(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::NotSent(fault) if fault.kind == FaultKind::Local)
}

/// What the attempt's row keeps: where it was decided, the relay's words, or what happened instead.
fn evidence(outcome: Outcome) -> (Phase, Option<Reply>, Option<String>) {
    match outcome {
        Outcome::Accepted(reply) => (Phase::Dot, Some(reply), None),
        Outcome::Refused(phase, reply) => (phase, Some(reply), None),
        Outcome::NotSent(fault) | Outcome::Unknown(fault) => (fault.phase, fault.reply, Some(fault.detail.en)),
    }
}
