//! Members of one notice, chosen by what the queue says of them.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::rows::status;
use crate::sql::{LEDGER_APPEND, MATCHING_COUNTS, MEMBER_IDS, WITHDRAW_CLAIMED, WITHDRAW_SELECTED, json_rows};
use owabi_core::lifecycle::Status;
use serde_json::{Value, json};
use sqlx::Row;
use std::collections::{BTreeMap, HashMap};

/// Member numbers that are looked up together.
const TOGETHER: usize = 10_000;

/// Whom something concerns. What is not given does not narrow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these statuses; empty: whatever the status.
    pub statuses: Vec<Status>,
    /// Only recipients of this domain, in lower case and A-labels.
    pub domain: Option<String>,
    /// Only members of this cohort.
    pub cohort: Option<String>,
    /// Only rows whose reason is this word.
    pub reason_code: Option<String>,
    /// Only rows that changed at or after this time (epoch milliseconds).
    pub since: Option<i64>,
    /// Only rows that changed at or before it.
    pub until: Option<i64>,
    /// Only these member numbers.
    pub member_nos: Option<Vec<String>>,
}

impl Selection {
    pub(crate) fn statuses(&self) -> String {
        json_rows(self.statuses.iter().map(|status| json!([status.as_str()])))
    }

    pub(crate) fn numbers(&self) -> String {
        json_rows(self.member_nos.iter().flatten().map(|no| json!([no])))
    }
}

/// Binds the first eight parameters of a text with `/*matching*/`; `$numbers` are those of [`Selection::numbers`].
macro_rules! bind_matching {
    ($query:expr, $notice_id:expr, $selection:expr, $numbers:expr) => {
        $query
            .bind($notice_id)
            .bind($selection.domain.as_deref().unwrap_or_default())
            .bind($selection.cohort.as_deref().unwrap_or_default())
            .bind($selection.reason_code.as_deref().unwrap_or_default())
            .bind($selection.since.unwrap_or(0))
            .bind($selection.until.unwrap_or(i64::MAX))
            .bind(i64::from($selection.member_nos.is_some()))
            .bind($numbers)
    };
}
pub(crate) use bind_matching;

impl Store {
    /// How many of the selected members have which status.
    ///
    /// # Errors
    /// `Unavailable`; `Row` when a status is none.
    pub async fn matching_counts(
        &self,
        notice_id: &str,
        selection: &Selection,
    ) -> Result<BTreeMap<Status, i64>, StoreError> {
        let (statuses, numbers) = (selection.statuses(), selection.numbers());
        on_both!(self, reader, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_look()).await?;
            let query = bind_matching!(sqlx::query(MATCHING_COUNTS.on(dialect)), notice_id, selection, &numbers);
            let rows = query.bind(&statuses).fetch_all(&mut *tx).await?;
            tx.rollback().await?;
            rows.iter().map(|row| Ok((status(0, row.get(0))?, row.get(1)))).collect()
        })
    }

    /// Takes the selected members that are still held or queued, or claimed and not yet about to leave, out of a notice, which stays as
    /// it is. Returns how many.
    /// `words` says the selection in the ledger.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn withdraw_selected(
        &self,
        notice_id: &str,
        (selection, words): (&Selection, &Value),
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<u64, StoreError> {
        let (statuses, numbers) = (selection.statuses(), selection.numbers());
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_unhurried()).await?;
            let claimed = bind_matching!(sqlx::query(WITHDRAW_CLAIMED.on(dialect)), notice_id, selection, &numbers);
            let claimed = claimed.bind(&statuses).fetch_all(&mut *tx).await?;
            let claimed = json_rows(claimed.iter().map(|row| json!([row.get::<i64, _>(0)])));
            let update = bind_matching!(sqlx::query(WITHDRAW_SELECTED.on(dialect)), notice_id, selection, &numbers);
            let update = update.bind(&statuses).bind(reason).bind(now).bind(&claimed);
            let taken_out = update.execute(&mut *tx).await?.rows_affected();
            let body = json!({ "reason": reason, "members": taken_out, "selection": words }).to_string();
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind("withdraw_members");
            entry.bind(notice_id).bind(&body).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(taken_out)
        })
    }

    /// The rows of these member numbers; a number that the notice does not have is left out.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn member_ids(&self, notice_id: &str, member_nos: &[String]) -> Result<HashMap<String, i64>, StoreError> {
        let mut found = HashMap::with_capacity(member_nos.len());
        for some in member_nos.chunks(TOGETHER) {
            let numbers = json_rows(some.iter().map(|no| json!([no])));
            on_both!(self, reader, |pool, dialect| {
                let query = sqlx::query(MEMBER_IDS.on(dialect)).bind(notice_id).bind(&numbers);
                found.extend(query.fetch_all(pool).await?.iter().map(|row| (row.get(0), row.get(1))));
            });
        }
        Ok(found)
    }
}
