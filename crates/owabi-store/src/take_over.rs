//! Leases that ended: what became of the rows that a worker held, whatever the state of their notice.

use crate::error::StoreError;
use crate::open::{Store, on_both_in_time};
use crate::sql::{TAKE_OVER_ATTEMPTS, TAKE_OVER_DOUBT, TAKE_OVER_QUEUE, WITHDRAW_QUEUED, json_rows};
use serde_json::json;
use sqlx::Row;

/// What workers left behind.
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
    /// Settles the rows whose lease ended by `ended_by`: in doubt with a recorded intent, else back in the queue. Rows
    /// that another daemon is just taking over are left to it.
    ///
    /// A row in doubt is due again after its notice's time in `resend_after_ms`; without one a person decides. What may be
    /// in doubt of a notice that is not listed stays as it is, for a daemon that knows the notice. `ended_by` is `now`; only a daemon that holds the database alone, at its start, may say `i64::MAX`: every lease is over.
    ///
    /// # Errors
    /// `Unavailable`: nothing changed.
    pub async fn take_over(
        &self,
        resend_after_ms: &[(String, Option<i64>)],
        ended_by: i64,
        now: i64,
    ) -> Result<LeftBehind, StoreError> {
        let waits = json_rows(resend_after_ms.iter().map(|wait| json!(wait)));
        on_both_in_time!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let doubt = sqlx::query(TAKE_OVER_DOUBT.on(dialect)).bind(now).bind(ended_by).bind(&waits);
            let in_doubt = doubt.fetch_all(&mut *tx).await?;
            if !in_doubt.is_empty() {
                let row = |(id, number): (i64, i64)| json!([id, number]);
                let attempts = json_rows(in_doubt.iter().map(|doubted| row((doubted.get(0), doubted.get(1)))));
                sqlx::query(TAKE_OVER_ATTEMPTS.on(dialect)).bind(&attempts).bind(now).execute(&mut *tx).await?;
            }
            let queued = sqlx::query(TAKE_OVER_QUEUE.on(dialect)).bind(now).bind(ended_by).execute(&mut *tx).await?;
            let withdrawn = sqlx::query(WITHDRAW_QUEUED.on(dialect)).bind(now).execute(&mut *tx).await?;
            tx.commit().await?;
            let (queued, withdrawn) = (queued.rows_affected(), withdrawn.rows_affected());
            Ok(LeftBehind { in_doubt: in_doubt.len() as u64, queued, withdrawn })
        })
    }
}
