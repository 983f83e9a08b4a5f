//! Rows that a worker held when its lease ended, or when its run did.

use crate::clock::now_ms;
use crate::library::Library;
use owabi_store::{LeftBehind, NoticeRow, Store, StoreError};

use super::job::NoticeRun;

/// Before anything else, by a daemon that holds the database alone: every lease is over.
pub(super) async fn at_start(store: &Store, library: &Library) -> Result<(), StoreError> {
    let notices = store.notices().await?;
    let listed = |row: &NoticeRow| policy(library, row).unwrap_or_else(|| (row.id.clone(), None));
    let policies: Vec<_> = notices.iter().map(listed).collect();
    take_over(store, &policies, i64::MAX).await
}

/// Again and again: the leases that ended by `ended_by`, of whichever daemon. What is in doubt of a notice whose files are not
/// on this host is left to a daemon that knows how long it waits.
pub(super) async fn ended(
    store: &Store,
    library: &Library,
    notices: &[NoticeRow],
    ended_by: i64,
) -> Result<(), StoreError> {
    let policies: Vec<_> = notices.iter().filter_map(|row| policy(library, row)).collect();
    take_over(store, &policies, ended_by).await
}

/// A notice, and how long its mails in doubt wait before they are sent again, if no person decides; `None` when the
/// released text is not here. Of a withdrawn notice nothing is sent again.
fn policy(library: &Library, row: &NoticeRow) -> Option<(String, Option<i64>)> {
    if row.state == "withdrawn" {
        return Some((row.id.clone(), None));
    }
    let run = NoticeRun::new(&row.id, library.get(&row.id).ok()?, false);
    run.is_text(row.fingerprint.as_deref()?).then_some((run.id, run.resend_after_ms))
}

async fn take_over(store: &Store, policies: &[(String, Option<i64>)], ended_by: i64) -> Result<(), StoreError> {
    let left = store.take_over(policies, ended_by, now_ms()).await?;
    if left != LeftBehind::default() {
        let LeftBehind { in_doubt, queued, withdrawn } = left;
        tracing::warn!(in_doubt, queued, withdrawn, "a worker was cut off; the rows that it held are settled");
    }
    Ok(())
}

/// By when leases have ended at `now`, for a daemon that is alone with its host's clock: a clock that was set forward ends
/// no lease of a mail that is under way.
pub(super) fn by_steady_time(now: i64, started_ms: i64, elapsed_ms: i64) -> i64 {
    now.min(started_ms.saturating_add(elapsed_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_forward_ends_no_lease_and_one_that_is_set_back_neither() {
        assert_eq!(by_steady_time(1_060_000, 1_000_000, 60_000), 1_060_000);
        assert_eq!(by_steady_time(4_660_000, 1_000_000, 60_000), 1_060_000, "an hour forward");
        assert_eq!(by_steady_time(960_000, 1_000_000, 60_000), 960_000, "back");
    }

    #[test]
    fn how_long_a_doubt_waits_is_known_only_with_the_released_text_or_when_nothing_is_sent_again() {
        let row = |state: &str| NoticeRow {
            id: "leak".into(),
            title: "t".into(),
            state: state.into(),
            state_reason: None,
            fingerprint: Some("00".into()),
            roster_hash: None,
            released_at: None,
            watched_from: None,
            canary_passed_at: None,
        };
        let nothing_here = Library::default();
        assert_eq!(policy(&nothing_here, &row("released")), None);
        assert_eq!(policy(&nothing_here, &row("paused")), None);
        assert_eq!(policy(&nothing_here, &row("withdrawn")), Some(("leak".to_owned(), None)));
        let notice = super::super::job::tests::job(1, "u1@example.jp").run.notice.clone();
        let released = NoticeRow { fingerprint: Some(notice.renderer.fingerprint_hex()), ..row("released") };
        let here = Library { notices: [("leak".to_owned(), notice)].into(), ..Library::default() };
        assert!(policy(&here, &released).is_some());
        assert_eq!(policy(&here, &row("released")), None, "another text was released");
    }
}
