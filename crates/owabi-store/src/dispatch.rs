//! Taking rows from the queue and giving them back. Everything that a worker writes is guarded by status and fence.

use crate::error::StoreError;
use crate::open::{Store, on_both_in_time};
use crate::rows::MemberText;
use crate::sql::{CLAIM, FAIL_UNSENT, GIVE_BACK, NEXT_DUE, SEND_AGAIN, json_rows};
use owabi_core::member::Member;
use serde_json::json;
use sqlx::Row;

/// One claimed row. Times are epoch milliseconds.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The row's id.
    pub id: i64,
    /// The fencing token of this claim: every later write names it.
    pub fence: i64,
    /// Whom to tell; `Err` says why the row cannot be read.
    pub member: Result<Member, String>,
    /// When the row was queued; the deadline counts from here.
    pub queued_at: i64,
    /// Attempts used so far.
    pub attempts: i64,
    /// The number of the attempt to come, from 1; used or not, each has its own.
    pub number: i64,
    /// 1 for the first sending, one more for each resend batch.
    pub round: i64,
    /// The mail may have been sent before.
    pub possible_duplicate: bool,
    /// The address is to be sent in its other, unquoted form.
    pub plain_form: bool,
    /// Earlier tries whose reply was lost; those that a crash of our own cut off are not among them.
    pub doubts: i64,
    /// The end of the lease: a body leaves only while enough of it is left.
    pub lease_until: i64,
}

/// Reads the rows that a claim returns.
macro_rules! claimed {
    ($rows:expr, $now:expr) => {
        $rows
            .iter()
            .map(|row| $crate::dispatch::Claimed {
                id: row.get(0),
                member: $crate::dispatch::readable($crate::rows::member_text!(row, 0, 1)),
                queued_at: row.get::<Option<i64>, _>(7).unwrap_or($now),
                attempts: row.get(8),
                number: row.get::<i64, _>(9) + 1,
                fence: row.get(10),
                round: row.get(11),
                possible_duplicate: row.get(12),
                plain_form: row.get(13),
                lease_until: row.get(14),
                doubts: row.get(15),
            })
            .collect::<Vec<$crate::dispatch::Claimed>>()
    };
}
pub(crate) use claimed;

impl Store {
    /// Claims up to `limit` due rows of one released notice until `now + lease_ms`: one statement. Rows that another
    /// daemon is just claiming are left to it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn claim(
        &self,
        notice_id: &str,
        now: i64,
        lease_ms: i64,
        limit: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        on_both_in_time!(self, writer, |pool, dialect| {
            let claim = sqlx::query(CLAIM.on(dialect)).bind(now).bind(notice_id).bind(lease_ms).bind(limit);
            let rows = claim.fetch_all(pool).await?;
            Ok(claimed!(rows, now))
        })
    }

    /// Gives claimed rows back, unsent and unspent: `(id, fence, due_at)`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn give_back(&self, rows: &[(i64, i64, i64)], now: i64) -> Result<u64, StoreError> {
        let rows = json_rows(rows.iter().map(|row| json!(row)));
        on_both_in_time!(self, writer, |pool, dialect| {
            Ok(sqlx::query(GIVE_BACK.on(dialect)).bind(&rows).bind(now).execute(pool).await?.rows_affected())
        })
    }

    /// Fails rows that cannot be rendered: `(id, fence, reason)`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn fail_unsent(&self, rows: &[(i64, i64, String)], now: i64) -> Result<u64, StoreError> {
        let rows = json_rows(rows.iter().map(|row| json!(row)));
        on_both_in_time!(self, writer, |pool, dialect| {
            Ok(sqlx::query(FAIL_UNSENT.on(dialect)).bind(&rows).bind(now).execute(pool).await?.rows_affected())
        })
    }

    /// Queues, flagged as possible duplicates, the in-doubt mails that waited long enough for evidence: also for a look at
    /// every source that a daemon follows, after they were due. A source that says nothing for `patience_ms` is not waited for.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn send_again(&self, patience_ms: i64, now: i64) -> Result<u64, StoreError> {
        on_both_in_time!(self, writer, |pool, dialect| {
            Ok(sqlx::query(SEND_AGAIN.on(dialect)).bind(now).bind(patience_ms).execute(pool).await?.rows_affected())
        })
    }

    /// When the next open row of a notice is due; `None` when it has none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn next_due(&self, notice_id: &str) -> Result<Option<i64>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            Ok(sqlx::query(NEXT_DUE.on(dialect)).bind(notice_id).fetch_one(pool).await?.get(0))
        })
    }
}

pub(crate) fn readable(text: MemberText) -> Result<Member, String> {
    text.read().map_err(|error| error.to_string())
}
