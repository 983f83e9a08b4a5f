//! The first step of a run: rows that an earlier one held when it ended.

use super::job::NoticeRun;
use crate::library::Library;
use owabi_store::{LeftBehind, Store, StoreError};

/// Settles the rows of all notices, also of those that are not sent any more. The database must be held alone.
pub(super) async fn settle_the_past(store: &Store, library: &Library) -> Result<(), StoreError> {
    let mut waits = Vec::new();
    for row in store.notices().await? {
        let run = library.get(&row.id).ok().map(|notice| NoticeRun::new(&row.id, notice));
        waits.push((row.id, run.and_then(|run| run.resend_after_ms)));
    }
    let left = store.restart(&waits, crate::clock::now_ms()).await?;
    if left != LeftBehind::default() {
        let LeftBehind { in_doubt, queued, withdrawn } = left;
        tracing::warn!(in_doubt, queued, withdrawn, "an earlier run was cut off; the rows that it held are settled");
    }
    Ok(())
}
