//! Looks twice a second at what may be sent: a notice that was paused or withdrawn, by whatever process, or whose hours are
//! over, is stopped here whatever the claimer waits for; and what lasts too long is told.

use super::courier::Shared;
use super::job::NoticeRun;
use super::live::Notices;
use super::recorder::Note;
use super::shelf::beside_the_others;
use super::{Live, said};
use crate::alerts::Kind;
use crate::cli::state_reason;
use crate::clock::now_ms;
use crate::config::Config;
use crate::configuration;
use crate::library::Library;
use crate::release;
use crate::service::Pulse;
use owabi_store::{NoticeRow, StoreError};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// From one look to the next.
const EVERY: Duration = Duration::from_millis(500);
/// A database that takes longer for a look is away; then no intent is granted either.
const PATIENCE: Duration = Duration::from_secs(3);
/// A relay or the database may be away for so long before a person is told (milliseconds).
const TOO_LONG_MS: i64 = 60_000;
/// The same for all relays together: then nothing is sent at all.
const ALL_TOO_LONG_MS: i64 = 30_000;

/// The watch of one daemon.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Shared,
    live: Live,
    /// What was last seen of each notice: whether it may be sent, and whether its canary passed.
    seen: BTreeMap<String, (bool, bool)>,
    down: Down,
    /// Where the notices lie, and when the file of each notice under way was last changed.
    config: Config,
    files: BTreeMap<String, Option<SystemTime>>,
    pulse: Pulse,
}

/// Since when each relay is down (epoch milliseconds).
#[derive(Debug, Default)]
struct Down(BTreeMap<String, i64>);

impl Down {
    /// Whether it is down for too long, at `now`.
    fn for_too_long(&mut self, name: &str, up: bool, now: i64, limit_ms: i64) -> bool {
        if up {
            self.0.remove(name);
            return false;
        }
        now - *self.0.entry(name.to_owned()).or_insert(now) > limit_ms
    }
}

impl Watch {
    pub(super) fn new(shared: Shared, live: Live, config: Config, pulse: Pulse) -> Self {
        Self { shared, live, seen: BTreeMap::new(), down: Down::default(), config, files: BTreeMap::new(), pulse }
    }

    /// Until it is aborted.
    pub(super) async fn work(mut self) {
        loop {
            // The claimer, the recorder and the beat tell of a database that is away.
            let _ = tokio::time::timeout(PATIENCE, self.look()).await;
            self.tell_of_relays(now_ms());
            self.tell_of_database(now_ms());
            self.pulse.beat();
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.shared.board.look.notified() => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let notices = self.shared.store.notices().await?;
        self.look_at_files(&notices).await;
        self.stop_what_is_closed(&notices);
        let ours =
            |row: &&NoticeRow| row.state == "paused" && row.state_reason.as_deref().is_some_and(state_reason::is_ours);
        let paused_itself = notices.iter().filter(ours).map(|row| row.id.clone()).collect();
        let states = notices.into_iter().map(|row| (row.id, row.state)).collect();
        self.live.saw(Notices { states, paused_itself });
        Ok(())
    }

    /// An edited policy holds from now on, and is an entry of the ledger: what is in memory goes back, and the notice begins anew.
    /// An edited text changes nothing here: what was released is sent.
    async fn look_at_files(&mut self, notices: &[NoticeRow]) {
        for row in notices.iter().filter(|row| row.state == "released") {
            let at = beside_the_others(|| changed_at(&self.config, &row.id));
            // At the first look, too: they may have been edited since they were read.
            if self.files.insert(row.id.clone(), at).is_some_and(|before| before == at) {
                continue;
            }
            let of_old = [policy(&self.live.library(), &row.id), self.policy_in_use(&row.id)];
            let is_new = |library: &Library| of_old.iter().any(|of| *of != policy(library, &row.id));
            let good = |library: &Library| library.is_as_released(row) && is_new(library);
            if !self.live.0.shelf.read_again(&self.config, good) {
                continue;
            }
            let library = self.live.library();
            self.shared.board.stop(&row.id);
            self.shared.feed.room.notify_one();
            let noted = configuration::note(&self.config, &library, &self.shared.store, "owabi", now_ms());
            if noted.await.is_err() {
                tracing::error!(
                    notice = row.id,
                    "the policy on disk is not in the ledger: the database did not take it"
                );
            }
        }
    }

    /// The policy that mails under way are sent by; without any, the one that was read last.
    fn policy_in_use(&self, id: &str) -> Option<String> {
        let run = self.shared.board.get(id);
        run.map_or_else(|| policy(&self.live.library(), id), |run| Some(release::policy_hash(&run.notice)))
    }

    fn stop_what_is_closed(&mut self, notices: &[NoticeRow]) {
        let now = now_ms();
        for run in self.shared.board.all() {
            let released = notices.iter().any(|row| row.id == run.id && row.state == "released");
            if !released || !run.may_begin(now) {
                self.shared.board.stop(&run.id);
            }
        }
        self.wake_the_claimer(notices);
        let stopped = self.shared.feed.stopped();
        if !stopped.is_empty() {
            let back = stopped.iter().map(|job| (job.row.id, job.row.fence, now)).collect();
            // A recorder that is behind does not hold up the next look.
            let recorder = self.shared.recorder.clone();
            tokio::spawn(async move { recorder.note(Note { back, ..Note::default() }).await });
        }
    }

    /// However seldom the queue is looked at: when a notice may be sent again, and while a canary waits for its verdict.
    fn wake_the_claimer(&mut self, notices: &[NoticeRow]) {
        let state = |row: &NoticeRow| (row.state == "released", row.canary_passed_at.is_some());
        let seen: BTreeMap<_, _> = notices.iter().map(|row| (row.id.clone(), state(row))).collect();
        let judged = |run: &NoticeRun| run.policy().canary == 0 || seen.get(&run.id).is_none_or(|of| of.1);
        let opens = notices.iter().any(|row| row.state == "released" && self.shared.board.get(&row.id).is_none());
        if seen != self.seen || opens || !self.shared.board.all().iter().all(|run| judged(run)) {
            self.shared.feed.room.notify_one();
        }
        self.seen = seen;
    }

    fn tell_of_relays(&mut self, now: i64) {
        let relays = self.live.relays(now);
        let limit_ms = limit_ms(relays.iter().any(|relay| relay.up));
        for relay in relays {
            if relay.up {
                self.shared.alerts.over(Kind::RelayPaused, &relay.name);
            }
            if self.down.for_too_long(&relay.name, relay.up, now, limit_ms) {
                self.shared.alerts.raise_about(Kind::RelayPaused, None, &relay.name, said::relay_paused(&relay.name));
            }
        }
    }

    fn tell_of_database(&self, now: i64) {
        match self.live.database(now).trouble() {
            None => self.shared.alerts.over(Kind::DatabaseAway, ""),
            Some(trouble) if now - trouble.since > TOO_LONG_MS => {
                self.shared.alerts.raise(Kind::DatabaseAway, None, said::database_away());
            }
            Some(_) => {}
        }
    }
}

/// How long a relay may be down before a person is told, while another one sends or while none does (milliseconds).
fn limit_ms(any_is_up: bool) -> i64 {
    if any_is_up { TOO_LONG_MS } else { ALL_TOO_LONG_MS }
}

/// The hash of a notice's policy, if its files can be used.
fn policy(library: &Library, id: &str) -> Option<String> {
    library.get(id).ok().map(|notice| release::policy_hash(&notice))
}

/// When the notice's file was changed.
fn changed_at(config: &Config, id: &str) -> Option<SystemTime> {
    let file = |end: &str| std::fs::metadata(config.notices.dir.join(format!("{id}.{end}"))).ok()?.modified().ok();
    file("yaml").or_else(|| file("yml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_told_of_after_a_minute_without_a_break_and_each_for_itself() {
        let mut down = Down::default();
        let mut late = |name, up, now| down.for_too_long(name, up, now, TOO_LONG_MS);
        assert!(!late("a", false, 0) && !late("a", false, 60_000));
        assert!(late("a", false, 60_001) && !late("b", false, 60_001));
        assert!(!late("a", true, 60_002) && !late("a", false, 60_003));
        assert!(!late("a", false, 120_003) && late("a", false, 120_004));
    }

    #[test]
    fn when_no_relay_sends_it_is_told_after_half_a_minute_and_after_a_minute_while_another_one_does() {
        let told_at = |other_is_up: bool| {
            let mut down = Down::default();
            (0..120_000).step_by(500).find(|now| down.for_too_long("a", false, *now, limit_ms(other_is_up)))
        };
        assert_eq!((told_at(false), told_at(true)), (Some(30_500), Some(60_500)));
        // The other one fails, too, when the first was down for long: what nobody sends is told at once.
        let mut down = Down::default();
        assert!(
            !down.for_too_long("a", false, 0, limit_ms(true)) && !down.for_too_long("a", false, 40_000, limit_ms(true))
        );
        assert!(down.for_too_long("a", false, 40_500, limit_ms(false)));
    }
}
