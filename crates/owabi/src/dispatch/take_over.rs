//! Rows that a worker held when its lease ended, or when its run did.

use crate::clock::now_ms;
use crate::library::Library;
use owabi_store::{LeftBehind, NoticeRow, Store, StoreError};

use super::job::NoticeRun;

/// Before anything else, by a daemon that holds the database alone: every lease is over.
pub(super) async fn at_start(store: &Store, library: &Library) -> Result<(), StoreError> {
    let notices = store.notices().await?;
    take_over(store, library, &notices, i64::MAX).await
}

/// Again and again: the leases that ended by now, of whichever daemon.
pub(super) async fn ended(store: &Store, library: &Library, notices: &[NoticeRow]) -> Result<(), StoreError> {
    take_over(store, library, notices, now_ms()).await
}

/// Of all notices, also of those that are not sent any more.
async fn take_over(store: &Store, library: &Library, notices: &[NoticeRow], ended_by: i64) -> Result<(), StoreError> {
    let wait = |row: &NoticeRow| {
        let run = library.get(&row.id).ok().map(|notice| NoticeRun::new(&row.id, notice));
        (row.id.clone(), run.and_then(|run| run.resend_after_ms))
    };
    let waits: Vec<_> = notices.iter().map(wait).collect();
    let left = store.take_over(&waits, ended_by, now_ms()).await?;
    if left != LeftBehind::default() {
        let LeftBehind { in_doubt, queued, withdrawn } = left;
        tracing::warn!(in_doubt, queued, withdrawn, "a worker was cut off; the rows that it held are settled");
    }
    Ok(())
}
