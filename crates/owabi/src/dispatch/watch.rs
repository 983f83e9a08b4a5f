//! Looks twice a second at what may be sent: a notice that was paused or withdrawn, by whatever process, or whose hours are
//! over, is stopped here whatever the claimer waits for; and what lasts too long is told.

use super::courier::Shared;
use super::job::NoticeRun;
use super::live::Notices;
use super::recorder::Note;
use super::{Live, said};
use crate::alerts::Kind;
use crate::cli::state_reason;
use crate::clock::{monotonic, now_ms};
use crate::config::Config;
use crate::disk::apart;
use crate::release;
use crate::service::Pulse;
use owabi_store::{NoticeRow, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// From one look to the next.
const EVERY: Duration = Duration::from_millis(500);
/// A database that takes longer for a look is away; then no intent is granted either.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often files that are not those that were released are read again: they may be restored without a change of the notice's own.
const RESTORED: Duration = Duration::from_secs(5);
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
    config: Arc<Config>,
    files: BTreeMap<String, File>,
    /// What was read is not in the ledger yet.
    is_late: bool,
    pulse: Pulse,
}

/// The file of a notice as it was read.
#[derive(Clone, Copy, Debug)]
struct File {
    /// When it was changed.
    at: Option<SystemTime>,
    /// When it is read again all the same: the notice was not as it was released.
    again: Option<Instant>,
}

impl File {
    fn is_due(self, at: Option<SystemTime>, now: Instant) -> bool {
        self.at != at || self.again.is_some_and(|again| again <= now)
    }
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
    pub(super) fn new(shared: Shared, live: Live, config: Arc<Config>, pulse: Pulse) -> Self {
        let (seen, down, files) = (BTreeMap::new(), Down::default(), BTreeMap::new());
        Self { shared, live, seen, down, config, files, is_late: false, pulse }
    }

    /// Until it is aborted.
    pub(super) async fn work(mut self) {
        loop {
            // The claimer, the recorder and the beat tell of a database that is away.
            if let Ok(Ok(notices)) = tokio::time::timeout(PATIENCE, self.look()).await {
                self.look_at_files(&notices).await;
            }
            self.tell_of_relays(now_ms());
            self.tell_of_database(now_ms());
            self.pulse.beat();
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.shared.board.look.notified() => {}
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<NoticeRow>, StoreError> {
        let notices = self.shared.store.notices().await?;
        self.stop_what_is_closed(&notices);
        let ours =
            |row: &&NoticeRow| row.state == "paused" && row.state_reason.as_deref().is_some_and(state_reason::is_ours);
        let paused_itself = notices.iter().filter(ours).map(|row| row.id.clone()).collect();
        let states = notices.iter().map(|row| (row.id.clone(), row.state.clone())).collect();
        self.live.saw(Notices { states, paused_itself });
        Ok(notices)
    }

    /// An edited policy is an entry of the ledger, and holds from then on: what is in memory goes back, and the notice begins anew.
    /// An edited text changes nothing here: what was released is sent. A disk that hangs makes this loop silent.
    async fn look_at_files(&mut self, notices: &[NoticeRow]) {
        let ids: Vec<String> = released(notices).map(|row| row.id.clone()).collect();
        let config = Arc::clone(&self.config);
        let look = move || ids.into_iter().map(|id| (changed_at(&config, &id), id)).collect();
        let files: Vec<_> = apart(look).await.unwrap_or_default();
        let now = monotonic();
        let is_due = |(at, id): &(Option<SystemTime>, String)| self.files.get(id).is_none_or(|of| of.is_due(*at, now));
        // At the first look, too: they may have been edited since they were read.
        let due: Vec<_> = files.into_iter().filter(is_due).collect();
        if due.is_empty() {
            return;
        }
        let Some(others) = self.read_again().await else { return };
        for (at, id) in due {
            let again = others.contains(&id).then(|| now + RESTORED);
            self.files.insert(id, File { at, again });
        }
        self.stop_what_is_closed(notices);
        self.shared.feed.room.notify_one();
    }

    /// What the ledger does not take in time is not used, and tried again at the next look.
    async fn read_again(&mut self) -> Option<BTreeSet<String>> {
        let shelf = &self.live.0.shelf;
        let fresh = shelf.read_again(&self.config).await;
        let entering = shelf.enter(fresh, &self.config, &self.shared.store);
        let others = tokio::time::timeout(PATIENCE, entering).await.ok().and_then(Result::ok);
        if others.is_none() && !self.is_late {
            tracing::error!(
                "the database does not take the policies on disk into the ledger: they hold as soon as it does"
            );
        }
        self.is_late = others.is_none();
        others
    }

    /// Its mails are sent by a policy that was replaced since.
    fn is_outdated(&self, run: &NoticeRun) -> bool {
        let policy = self.live.0.shelf.policy(&run.id);
        policy.is_some_and(|policy| policy != release::policy_hash(&run.notice))
    }

    fn stop_what_is_closed(&mut self, notices: &[NoticeRow]) {
        let now = now_ms();
        for run in self.shared.board.all() {
            let released = released(notices).any(|row| row.id == run.id);
            if !released || !run.may_begin(now) || self.is_outdated(&run) {
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
        let opens = released(notices).any(|row| self.shared.board.get(&row.id).is_none());
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

fn released(notices: &[NoticeRow]) -> impl Iterator<Item = &NoticeRow> {
    notices.iter().filter(|row| row.state == "released")
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
