//! The breaker: the failures of each notice under way are counted as soon as the recorder has written one, once a second, and when
//! a run ends; too many pause the notice for every daemon.
//!
//! Only failures are counted each time, by an index of their own. All outcomes are counted when the failures could be too many
//! for what was counted before, and that becomes more only: over a whole notice some twenty times.

use super::board::Board;
use super::job::NoticeRun;
use super::said;
use crate::alerts::{Alerts, Kind};
use crate::cli::state_reason;
use crate::clock::{monotonic, now_ms};
use crate::service::Pulse;
use owabi_core::notice::Breaker;
use owabi_core::watch::{self, Outcomes};
use owabi_store::{NoticeRow, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From one look to the next, while nothing fails.
const EVERY: Duration = Duration::from_secs(1);
/// The same while mails fail.
const SOONEST: Duration = Duration::from_millis(20);
/// A look at one notice that takes long is followed by a rest of so many times as long.
const REST: u32 = 20;
/// How long a count of a notice's outcomes is good for: they become fewer when members are sent to again.
const RECOUNT: Duration = Duration::from_mins(10);

/// What was seen of one notice's failures.
#[derive(Debug)]
struct Counted {
    /// From when they count (epoch milliseconds); a resumption begins anew.
    from: i64,
    /// Outcomes when they were last counted.
    known: i64,
    since: Instant,
    next: Instant,
}

/// What the breaker works with: nothing that keeps the recorder from ending.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) board: Arc<Board>,
    pub(super) alerts: Alerts,
}

/// Watches the failures until it is aborted.
pub(super) async fn work(shared: Shared, pulse: Pulse) {
    let mut counted = BTreeMap::new();
    loop {
        // A database that is away is told of by those who claim and record.
        let _ = look(&shared, &mut counted).await;
        pulse.beat();
        tokio::time::sleep(SOONEST).await;
        tokio::select! {
            () = shared.board.failures.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// The last look of a run, which may have been too short for another.
pub(super) async fn last_look(shared: &Shared) {
    let _ = look(shared, &mut BTreeMap::new()).await;
}

async fn look(shared: &Shared, counted: &mut BTreeMap<String, Counted>) -> Result<(), StoreError> {
    for row in shared.store.notices().await? {
        if let Some(run) = shared.board.get(&row.id) {
            look_at(shared, &run, &row, counted).await?;
        }
    }
    Ok(())
}

/// Whether too much of what left since the release, or since the last resumption, has failed.
async fn look_at(
    shared: &Shared,
    run: &NoticeRun,
    row: &NoticeRow,
    counted: &mut BTreeMap<String, Counted>,
) -> Result<(), StoreError> {
    let (Some(breaker), Some(from)) = (run.policy().breaker, row.watched_from) else { return Ok(()) };
    // Until then its canary watches over it.
    if run.policy().canary > 0 && row.canary_passed_at.is_none() {
        return Ok(());
    }
    let begun = monotonic();
    let fresh = || Counted { from, known: 0, since: begun, next: begun };
    let counted = counted.entry(run.id.clone()).or_insert_with(fresh);
    if counted.from != from || begun.duration_since(counted.since) > RECOUNT {
        *counted = fresh();
    }
    if begun < counted.next {
        return Ok(());
    }
    let outcomes = too_many(shared, breaker, &run.id, counted).await?;
    let done = monotonic();
    counted.next = done + done.duration_since(begun) * REST;
    match outcomes {
        Some(outcomes) => trip(shared, run, outcomes).await,
        None => Ok(()),
    }
}

async fn too_many(
    shared: &Shared,
    breaker: Breaker,
    id: &str,
    counted: &mut Counted,
) -> Result<Option<Outcomes>, StoreError> {
    let failed = shared.store.failed_since(id, counted.from).await?;
    if !watch::breaker_may_trip(breaker, failed, counted.known) {
        return Ok(None);
    }
    counted.known = shared.store.known_since(id, counted.from).await?;
    let outcomes = Outcomes { good: (counted.known - failed).max(0), failed, waiting: 0 };
    Ok(watch::breaker_trips(breaker, failed, counted.known).then_some(outcomes))
}

async fn trip(shared: &Shared, run: &NoticeRun, outcomes: Outcomes) -> Result<(), StoreError> {
    let said = said::breaker_tripped(outcomes);
    let reason = state_reason::breaker_tripped(outcomes);
    if shared.store.trip(&run.id, None, (&reason, outcomes), now_ms()).await? {
        shared.alerts.raise(Kind::BreakerTripped, Some(&run.id), said);
    }
    shared.board.stop(&run.id);
    Ok(())
}
