//! After a crash: what became of the rows that a worker held, whatever the state of their notice.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::sql::{RESTART_ATTEMPTS, RESTART_DOUBT, RESTART_QUEUE, RESTART_WITHDRAW};

/// What the last worker left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// Rows whose mail may have left.
    pub in_doubt: u64,
    /// Rows that go back to the queue, nothing used.
    pub queued: u64,
    /// Rows in the queue of a withdrawn notice, now withdrawn.
    pub withdrawn: u64,
}

impl Store {
    /// Ends all leases and settles what they held. Only for a daemon that holds the database alone, at its start.
    ///
    /// A row in doubt is due again after its notice's time in `resend_after_ms`; without one a person decides.
    ///
    /// # Errors
    /// `Unavailable`: nothing changed.
    pub async fn restart(&self, resend_after_ms: &[(String, Option<i64>)], now: i64) -> Result<LeftBehind, StoreError> {
        let waits = serde_json::json!(resend_after_ms).to_string();
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            sqlx::query(RESTART_ATTEMPTS.on(dialect)).bind(now).execute(&mut *tx).await?;
            let in_doubt = sqlx::query(RESTART_DOUBT.on(dialect)).bind(now).bind(&waits).execute(&mut *tx).await?;
            let queued = sqlx::query(RESTART_QUEUE.on(dialect)).bind(now).execute(&mut *tx).await?;
            let withdrawn = sqlx::query(RESTART_WITHDRAW.on(dialect)).bind(now).execute(&mut *tx).await?;
            tx.commit().await?;
            let (in_doubt, queued) = (in_doubt.rows_affected(), queued.rows_affected());
            Ok(LeftBehind { in_doubt, queued, withdrawn: withdrawn.rows_affected() })
        })
    }
}
