//! The notices that are being sent, and who must hear at once that one is not to be sent any more.

use super::job::NoticeRun;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What claimer, connections and watch know together of the notices under way.
#[derive(Debug, Default)]
pub(super) struct Board {
    runs: Mutex<BTreeMap<String, Arc<NoticeRun>>>,
    /// Connections wait here: a notice was stopped.
    pub(super) stopped: Notify,
    /// The watch waits here: somebody has news of a notice.
    pub(super) look: Notify,
    /// The breaker waits here: failures were recorded.
    pub(super) failures: Notify,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<NoticeRun>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The notice as it is being sent.
    pub(super) fn get(&self, id: &str) -> Option<Arc<NoticeRun>> {
        self.lock().get(id).map(Arc::clone)
    }

    /// The notice is sent from now on.
    pub(super) fn begin(&self, run: &Arc<NoticeRun>) {
        self.lock().insert(run.id.clone(), Arc::clone(run));
    }

    /// Nothing of it is begun any more; what waits in memory goes back without troubling a relay. True when it was being sent.
    pub(super) fn stop(&self, id: &str) -> bool {
        let run = self.lock().remove(id);
        let Some(run) = run else { return false };
        run.stop();
        self.stopped.notify_waiters();
        true
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Arc<NoticeRun>> {
        self.lock().values().map(Arc::clone).collect()
    }
}
