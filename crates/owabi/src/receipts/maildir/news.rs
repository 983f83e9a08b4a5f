//! Word from the system that something came into a folder.

use notify::event::{EventKind, ModifyKind, RenameMode};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// A flood of mails is read in gulps, not one by one.
const GATHER: Duration = Duration::from_millis(100);

/// Wakes whoever waits when a file appears. Without the system's help (no such folder, no watches left) it is the polling alone.
#[derive(Debug, Default)]
pub(super) struct News {
    watcher: Option<RecommendedWatcher>,
    came: Arc<Notify>,
}

impl News {
    /// Begins to watch `folder`, unless it is watched.
    pub(super) fn watch(&mut self, folder: &Path) {
        if self.watcher.is_none() {
            self.watcher = watcher(folder, Arc::clone(&self.came)).ok();
        }
    }

    /// The folder may be another one by now: the next `watch` begins anew.
    pub(super) fn forget(&mut self) {
        self.watcher = None;
    }

    /// Until something came, or `poll` has passed.
    pub(super) async fn wait(&self, poll: Duration) {
        if tokio::time::timeout(poll, self.came.notified()).await.is_ok() {
            tokio::time::sleep(GATHER.min(poll)).await;
        }
    }
}

fn watcher(folder: &Path, came: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| is_arrival(&event)) {
            came.notify_one();
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Our own reading and moving away are events, too: they must not wake us.
fn is_arrival(event: &Event) -> bool {
    let renamed_from = EventKind::Modify(ModifyKind::Name(RenameMode::From));
    let named = matches!(event.kind, EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)));
    event.need_rescan() || (named && event.kind != renamed_from)
}
