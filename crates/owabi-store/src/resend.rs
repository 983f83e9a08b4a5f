//! Resend batches: whom a person wants to be sent to again, in one transaction.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::selection::{Selection, bind_matching};
use crate::sql::{
    BATCH_INSERT, Dialect, LEDGER_APPEND, NOTICE_RELEASED, RESEND_LIKE, RESEND_LOOK, RESEND_MEMBERS, RESEND_RECORD,
    RESEND_TOTAL, RESENDS_OF,
};
use crate::tx::{Tx, on_tx};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::Row;
use std::collections::BTreeMap;

/// Why a matching member is not sent to again, in the order in which screens list it.
pub const RESEND_CLASSES: [&str; 9] = [
    "told",
    "in_doubt",
    "under_way",
    "waiting",
    "withdrawn",
    "other_status",
    "never_released",
    "no_address",
    "already_resent",
];

/// What a person asks for.
#[derive(Clone, Copy, Debug)]
pub struct ResendRequest<'a> {
    /// The notice.
    pub notice_id: &'a str,
    /// The text that must be released: of template and facts.
    pub fingerprint: &'a str,
    /// Whom.
    pub selection: &'a Selection,
    /// The selection as it is kept with the batch: the same words and the same reason are the same request.
    pub words: &'a str,
    /// Accepted and delivered members are asked for by name.
    pub include_delivered: bool,
    /// Why.
    pub reason: &'a str,
    /// Who.
    pub actor: &'a str,
}

/// What a request comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// How many are sent to again.
    pub selected: i64,
    /// How many of the matching are not, by one of [`RESEND_CLASSES`].
    pub excluded: BTreeMap<String, i64>,
    /// For how many of the selected something else was done already: a letter, a call, a visit.
    pub told_otherwise: i64,
}

/// An earlier batch of the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResendBatch {
    /// Its id.
    pub id: String,
    /// When (epoch milliseconds).
    pub at: i64,
    /// Who.
    pub actor: String,
    /// How many members it sent to again.
    pub members: i64,
}

/// One resend of one member. The keys are those of `member show --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResendRow {
    /// The round that it began.
    pub round: i64,
    /// The batch.
    pub batch: String,
    /// When (epoch milliseconds).
    pub at: i64,
    /// The status before.
    pub status_before: String,
    /// The reason before.
    pub reason_before: Option<String>,
    /// How many attempts had been made.
    pub tries_before: i64,
    /// Who.
    pub actor: String,
    /// The batch's reason.
    pub reason: Option<String>,
}

impl Store {
    /// How many a request would send to again, and why it would leave others out. Changes nothing.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn resend_look(&self, request: &ResendRequest<'_>) -> Result<Chosen, StoreError> {
        let mut tx = self.begin_reading(Dialect::begin_look).await?;
        let chosen = look(&mut tx, request).await?;
        tx.roll_back().await?;
        Ok(chosen)
    }

    /// Sends again to whom the request chooses: a new round, due at once. The batch `batch_id` and its ledger entry say how many
    /// they were in the end. Nothing is recorded when nobody is chosen. `exactly`: it must be so many.
    ///
    /// # Errors
    /// `Unavailable`; nothing is changed with `NoticeState` when this text is not released, `ChangedMeanwhile` when it would not be
    /// `exactly` so many.
    pub async fn resend(
        &self,
        request: &ResendRequest<'_>,
        batch_id: &str,
        exactly: Option<i64>,
        now: i64,
    ) -> Result<Chosen, StoreError> {
        let mut tx = self.begin(Dialect::begin_unhurried).await?;
        if let Tx::Postgres(tx) = &mut tx {
            // Two requests of one notice wait for each other, so that the second sees whom the first chose.
            let alone = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('owabi resend ' || $1, 0))");
            alone.bind(request.notice_id).execute(&mut **tx).await?;
        }
        let mut chosen = look(&mut tx, request).await?;
        chosen.selected = choose(&mut tx, request, batch_id, now).await?;
        if exactly.is_some_and(|exactly| exactly != chosen.selected) {
            return Err(StoreError::ChangedMeanwhile);
        }
        if chosen.selected == 0 {
            tx.roll_back().await?;
            return Ok(chosen);
        }
        begin_round(&mut tx, request, (batch_id, &chosen), now).await?;
        tx.commit().await?;
        Ok(chosen)
    }

    /// The batches of the same request, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn resend_batches_like(&self, request: &ResendRequest<'_>) -> Result<Vec<ResendBatch>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(RESEND_LIKE.on(dialect)).bind(request.notice_id).bind(request.words);
            let rows = query.bind(request.reason).fetch_all(pool).await?;
            let batch =
                |row: &_| ResendBatch { id: get(row, 0), at: get(row, 1), actor: get(row, 2), members: get(row, 3) };
            Ok(rows.iter().map(batch).collect())
        })
    }

    /// The resends of one member, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn resends_of(&self, member_id: i64) -> Result<Vec<ResendRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(RESENDS_OF.on(dialect)).bind(member_id).fetch_all(pool).await?;
            let resend = |row: &_| ResendRow {
                round: get(row, 0),
                batch: get(row, 1),
                at: get(row, 2),
                status_before: get(row, 3),
                reason_before: get(row, 4),
                tries_before: get(row, 5),
                actor: get(row, 6),
                reason: get(row, 7),
            };
            Ok(rows.iter().map(resend).collect())
        })
    }
}

/// A column of either database's row.
fn get<'r, R: Row, T>(row: &'r R, index: usize) -> T
where
    usize: sqlx::ColumnIndex<R>,
    T: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    row.get(index)
}

/// Binds the twelve parameters of a text with `/*resend class*/`.
macro_rules! bind_request {
    ($query:expr, $request:expr, $numbers:expr, $statuses:expr) => {
        bind_matching!($query, $request.notice_id, $request.selection, $numbers)
            .bind($statuses)
            .bind(i64::from($request.include_delivered))
            .bind($request.words)
            .bind($request.reason)
    };
}

async fn look(tx: &mut Tx, request: &ResendRequest<'_>) -> Result<Chosen, StoreError> {
    let (numbers, statuses) = (request.selection.numbers(), request.selection.statuses());
    let mut classes: BTreeMap<String, (i64, i64)> = on_tx!(*tx, |tx, dialect| {
        let query = bind_request!(sqlx::query(RESEND_LOOK.on(dialect)), request, &numbers, &statuses);
        let rows = query.fetch_all(&mut **tx).await?;
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
    });
    let (selected, told_otherwise) = classes.remove("selected").unwrap_or_default();
    let excluded = classes.into_iter().map(|(class, (count, _))| (class, count)).collect();
    Ok(Chosen { selected, excluded, told_otherwise })
}

/// Records the batch and whom it chooses. Returns how many.
async fn choose(tx: &mut Tx, request: &ResendRequest<'_>, batch_id: &str, now: i64) -> Result<i64, StoreError> {
    let (numbers, statuses) = (request.selection.numbers(), request.selection.statuses());
    let chosen = on_tx!(*tx, |tx, dialect| {
        let batch = sqlx::query(BATCH_INSERT.on(dialect)).bind(batch_id).bind(request.notice_id).bind("resend");
        let batch = batch.bind(request.actor).bind(request.reason).bind(request.words);
        let batch = batch.bind(None::<String>).bind(None::<String>).bind(None::<String>).bind(now);
        batch.execute(&mut **tx).await?;
        let record = bind_request!(sqlx::query(RESEND_RECORD.on(dialect)), request, &numbers, &statuses);
        record.bind(batch_id).bind(now).bind(request.fingerprint).execute(&mut **tx).await?.rows_affected()
    });
    Ok(i64::try_from(chosen).unwrap_or(i64::MAX))
}

/// Puts the chosen members into the queue, and the batch into the ledger.
async fn begin_round(
    tx: &mut Tx,
    request: &ResendRequest<'_>,
    (batch_id, chosen): (&str, &Chosen),
    now: i64,
) -> Result<(), StoreError> {
    let words: Value = serde_json::from_str(request.words).unwrap_or_default();
    let body = json!({
        "batch": batch_id,
        "selection": words,
        "since": request.selection.since,
        "until": request.selection.until,
        "reason": request.reason,
        "selected": chosen.selected,
        "excluded": chosen.excluded,
        "fingerprint": request.fingerprint,
    });
    on_tx!(*tx, |tx, dialect| {
        let update = sqlx::query(RESEND_MEMBERS.on(dialect)).bind(batch_id).bind(now);
        let queued = update.execute(&mut **tx).await?.rows_affected();
        if i64::try_from(queued) != Ok(chosen.selected) {
            return Err(StoreError::ChangedMeanwhile);
        }
        let total = sqlx::query(RESEND_TOTAL.on(dialect)).bind(batch_id).bind(chosen.selected);
        total.execute(&mut **tx).await?;
        let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(request.actor).bind("resend");
        entry.bind(request.notice_id).bind(body.to_string()).execute(&mut **tx).await?;
        // Last, so that a pause need not wait for a million rows.
        let released = sqlx::query(NOTICE_RELEASED.on(dialect)).bind(request.notice_id).bind(request.fingerprint);
        if released.bind(now).execute(&mut **tx).await?.rows_affected() == 0 {
            return Err(StoreError::NoticeState);
        }
    });
    Ok(())
}
