//! The text of a released notice, as it may be sent.

use super::Claimer;
use crate::alerts::Kind;
use crate::clock::{monotonic, now_ms};
use crate::dispatch::job::NoticeRun;
use crate::dispatch::said;
use owabi_store::{NoticeRow, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// How often the files of a notice that cannot be sent are looked at again.
const LOOK_FOR_FILES: Duration = Duration::from_secs(5);

impl Claimer {
    /// The released notice as it may be sent now: only with exactly the text that was released, and in its hours.
    pub(super) async fn run_of(&mut self, row: &NoticeRow) -> Result<Option<Arc<NoticeRun>>, StoreError> {
        let board = Arc::clone(&self.shared.board);
        if row.state != "released" {
            board.stop(&row.id);
            return Ok(None);
        }
        let released = row.fingerprint.as_deref().unwrap_or_default();
        let known = board.get(&row.id).filter(|run| !run.is_stopped() && run.is_text(released));
        let run = if known.is_some() {
            known
        } else {
            board.stop(&row.id);
            self.load(&row.id, released).await?
        };
        let run = run.filter(|run| run.may_begin(now_ms()));
        if run.is_none() {
            board.stop(&row.id);
        }
        Ok(run)
    }

    /// The notice as it was read last or, released since then, as it lies on disk now. Its files may come later.
    async fn load(&mut self, id: &str, released: &str) -> Result<Option<Arc<NoticeRun>>, StoreError> {
        let text = (id.to_owned(), released.to_owned());
        let looked_at = self.missing.get(&text);
        if looked_at.is_some_and(|at| at.elapsed() < LOOK_FOR_FILES) {
            return Ok(None);
        }
        let said = looked_at.is_some();
        if !matches!(self.loaded(id, released), Ok(Some(_))) {
            self.read_again().await?;
        }
        match self.loaded(id, released) {
            Ok(None) => Ok(None),
            Ok(Some(run)) => {
                if self.missing.remove(&text).is_some() {
                    tracing::info!(notice = id, "the files of a released notice are there: it is sent");
                    self.shared.alerts.over(Kind::TextChanged, id);
                }
                self.shared.board.begin(&run);
                Ok(Some(run))
            }
            Err(why) => {
                if !said {
                    tracing::error!(notice = id, why, "a released notice is not sent");
                }
                self.shared.alerts.raise(Kind::TextChanged, Some(id), said::text_changed(id));
                self.missing.insert(text, monotonic());
                Ok(None)
            }
        }
    }

    /// Reads the files again. The stop does not wait for a disk that hangs, and the database is not blamed for it.
    async fn read_again(&self) -> Result<(), StoreError> {
        let (shelf, claiming) = (&self.live.0.shelf, &self.shared.database.claiming);
        claiming.rests();
        let fresh = self.shared.stop.run_until_cancelled(shelf.read_again(&self.config)).await;
        claiming.asks(now_ms());
        if let Some(fresh) = fresh {
            shelf.enter(fresh, &self.config, &self.shared.store).await?;
        }
        Ok(())
    }

    /// None while its policy is not in the ledger.
    fn loaded(&self, id: &str, released: &str) -> Result<Option<Arc<NoticeRun>>, String> {
        let Some(notice) = self.live.0.shelf.sendable(id).map_err(|why| why.en)? else { return Ok(None) };
        let run = NoticeRun::new(id, notice, self.config.smtp.notify_success);
        let changed = "its text is not the one that was released: restore the files as they were approved";
        if run.is_text(released) { Ok(Some(Arc::new(run))) } else { Err(changed.to_owned()) }
    }
}
