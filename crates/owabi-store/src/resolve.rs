//! What a person decides about one member.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::receipts::{NewReceipt, receipt_rows};
use crate::sql::{LEDGER_APPEND, RECEIPT_INSERT, RESOLVE_MEMBER};
use serde_json::json;

/// A decision: the person's word as a receipt, and what it makes of the member.
#[derive(Clone, Debug)]
pub struct Resolution<'a> {
    /// The person's word; its `change` is the member's status before and after.
    pub receipt: NewReceipt,
    /// The newest claim's fencing token, as the person saw it.
    pub fence: i64,
    /// The row's reason from now on.
    pub reason: Option<&'a str>,
    /// When it is due; for a member that is sent to again.
    pub due_at: Option<i64>,
    /// The mail may arrive twice.
    pub possible_duplicate: bool,
    /// The decision in one word, for the ledger.
    pub word: &'static str,
    /// The notice.
    pub notice_id: &'a str,
    /// Who.
    pub actor: &'a str,
}

impl Store {
    /// Records a person's decision. `false`: the member does not stand any more as the person saw it; nothing is recorded.
    ///
    /// # Errors
    /// `Unavailable`; `DecidedMeanwhile` when this very decision is recorded already.
    pub async fn resolve(&self, resolution: &Resolution<'_>, now: i64) -> Result<bool, StoreError> {
        let Resolution { receipt, fence, reason, due_at, .. } = resolution;
        let (before, after) = receipt.change;
        let (word, row) = (resolution.word, format!("#{}", receipt.member_id));
        let body = json!({ "member": row, "as": word, "from": before.as_str(), "to": after.as_str() });
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let update = sqlx::query(RESOLVE_MEMBER.on(dialect)).bind(receipt.member_id).bind(before.as_str());
            let update = update.bind(fence).bind(after.as_str()).bind(*reason).bind(*due_at);
            let update = update.bind(i64::from(resolution.possible_duplicate)).bind(now);
            if update.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let insert = sqlx::query(RECEIPT_INSERT.on(dialect)).bind(receipt_rows([receipt])).bind(now);
            if insert.execute(&mut *tx).await?.rows_affected() == 0 {
                return Err(StoreError::DecidedMeanwhile);
            }
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(resolution.actor).bind("resolve");
            entry.bind(resolution.notice_id).bind(body.to_string()).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(true)
        })
    }
}
