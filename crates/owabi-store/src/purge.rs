//! The end of personal data: what a notice's rows say of people goes, what proves remains.
//!
//! A value gives way to its keyed hash, so that the ledger's entries, which name it by that hash, stay as they are.

use crate::error::StoreError;
use crate::open::{Pools, Store, on_both, on_both_in_time};
use crate::sql::{
    ASKED_MEMBERS, HOLD_SET, LEDGER_APPEND, NOTICE_KEPT, NOTICE_LOCK, PURGE_ARRIVALS, PURGE_BATCHES, PURGE_BEGIN,
    PURGE_COUNTS, PURGE_FINDINGS, PURGE_NOTICE, PURGE_PAGE, PURGE_READ_ATTEMPTS, PURGE_READ_CORRECTIONS,
    PURGE_READ_INTENTS, PURGE_READ_MEMBERS, PURGE_READ_RECEIPTS, PURGE_READ_SUBSTITUTES, PURGE_STATE,
    PURGE_WRITE_ATTEMPTS, PURGE_WRITE_CORRECTIONS, PURGE_WRITE_INTENTS, PURGE_WRITE_MEMBERS, PURGE_WRITE_RECEIPTS,
    PURGE_WRITE_SUBSTITUTES, Statement, json_rows,
};
use serde_json::{Value, json};
use sqlx::Row;
use std::collections::BTreeMap;

/// Members whose rows are purged together.
const PAGE: i64 = 1_000;

/// The tables whose rows belong to members: how their personal values are read, and written.
static OF_MEMBERS: [(&Statement, &Statement); 5] = [
    (&PURGE_READ_INTENTS, &PURGE_WRITE_INTENTS),
    (&PURGE_READ_ATTEMPTS, &PURGE_WRITE_ATTEMPTS),
    (&PURGE_READ_RECEIPTS, &PURGE_WRITE_RECEIPTS),
    (&PURGE_READ_CORRECTIONS, &PURGE_WRITE_CORRECTIONS),
    // Last: until its addresses are gone a member counts as not purged.
    (&PURGE_READ_MEMBERS, &PURGE_WRITE_MEMBERS),
];

/// What speaks for or against a purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The notice's title.
    pub title: String,
    /// Why nothing of it may go.
    pub legal_hold: Option<String>,
    /// When its personal data went.
    pub purged_at: Option<i64>,
    /// When the last attempt was, or the notice last changed when there was none (epoch milliseconds).
    pub last_attempt_at: i64,
    /// Members who are held, queued, being sent or in doubt.
    pub open: i64,
}

/// Makes a value its keyed hash; one that is such a hash already stays.
pub type Keyed<'a> = dyn Fn(&str) -> String + Sync + 'a;

/// Replaces the values of rows `(after, to]` of one table inside a transaction.
macro_rules! replace {
    ($tx:expr, $dialect:expr, $table:expr, ($notice_id:expr, $after:expr, $to:expr), $keyed:expr) => {{
        let read = sqlx::query($table.0.on($dialect)).bind($notice_id).bind($after).bind($to);
        let rows = read.fetch_all(&mut *$tx).await?;
        let hashed = |value: Option<String>| value.map(|value| $keyed(&value));
        let rows = rows.iter().map(|row| -> Value {
            let (id, number): (i64, i64) = (row.get(0), row.get(1));
            json!([id, number, hashed(row.get(2)), hashed(row.get(3)), hashed(row.get(4))])
        });
        let rows = json_rows(rows);
        if rows != "[]" {
            sqlx::query($table.1.on($dialect)).bind(&rows).execute(&mut *$tx).await?;
        }
    }};
}

impl Store {
    /// What speaks for or against a purge of this notice; `None` when the database does not know it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn retention(&self, notice_id: &str) -> Result<Option<Retention>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let row = sqlx::query(PURGE_STATE.on(dialect)).bind(notice_id).fetch_optional(pool).await?;
            Ok(row.map(|row| Retention {
                title: row.get(0),
                legal_hold: row.get(1),
                purged_at: row.get(2),
                last_attempt_at: row.get(3),
                open: row.get(4),
            }))
        })
    }

    /// The legal hold of a notice and when its personal data went: what `status` shows, without counting anything.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn kept(&self, notice_id: &str) -> Result<(Option<String>, Option<i64>), StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let row = sqlx::query(NOTICE_KEPT.on(dialect)).bind(notice_id).fetch_optional(pool).await?;
            Ok(row.map_or((None, None), |row| (row.get(0), row.get(1))))
        })
    }

    /// How many rows of each table still say something of a person.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn personal_counts(&self, notice_id: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(PURGE_COUNTS.on(dialect)).bind(notice_id).fetch_all(pool).await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }

    /// Sets the legal hold, or (`None`) lifts it, with its ledger entry. Returns false when it is so already.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_hold(
        &self,
        notice_id: &str,
        hold: Option<&str>,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<bool, StoreError> {
        let kind = if hold.is_some() { "hold_set" } else { "hold_lifted" };
        let body = json!({ "reason": reason }).to_string();
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let update = sqlx::query(HOLD_SET.on(dialect)).bind(notice_id).bind(hold);
            if update.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind(kind);
            entry.bind(notice_id).bind(&body).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    /// Begins a purge: from now on nobody of the notice is sent to, and nothing personal is added. The ledger says so with
    /// `body`, once: a purge that was stopped in the middle goes on.
    ///
    /// # Errors
    /// `Unavailable`; `ChangedMeanwhile` when a member is open, or the notice is under a legal hold or not known.
    pub async fn begin_purge(
        &self,
        notice_id: &str,
        body: &Value,
        (actor, now): (&str, i64),
    ) -> Result<(), StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_unhurried()).await?;
            let before = sqlx::query(NOTICE_LOCK.on(dialect)).bind(notice_id).fetch_optional(&mut *tx).await?;
            let purged_at: Option<i64> = before.and_then(|row| row.get(0));
            let begun = sqlx::query(PURGE_BEGIN.on(dialect)).bind(notice_id).bind(now).execute(&mut *tx).await?;
            if begun.rows_affected() == 0 {
                return Err(StoreError::ChangedMeanwhile);
            }
            if purged_at.is_none() {
                let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind("purge");
                entry.bind(notice_id).bind(body.to_string()).execute(&mut *tx).await?;
            }
            Ok(tx.commit().await?)
        })
    }

    /// Purges the next thousand members after row `after`, all their tables in one transaction. Returns the last row and
    /// how many members; `None` when none is left. Done again it changes nothing.
    ///
    /// # Errors
    /// `Unavailable`; `ChangedMeanwhile` when one of the members is open (again), the notice is under a legal hold, or its purge
    /// has not begun.
    pub async fn purge_members(
        &self,
        notice_id: &str,
        after: i64,
        keyed: &Keyed<'_>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_unhurried()).await?;
            let page = sqlx::query(PURGE_PAGE.on(dialect)).bind(notice_id).bind(after).bind(PAGE);
            let page = page.fetch_all(&mut *tx).await?;
            if page.iter().any(|row| row.get(1)) {
                return Err(StoreError::ChangedMeanwhile);
            }
            let Some(last) = page.last().map(|row| row.get::<i64, _>(0)) else { return Ok(None) };
            for table in &OF_MEMBERS {
                replace!(tx, dialect, table, (notice_id, after, last), keyed);
            }
            tx.commit().await?;
            Ok(Some((last, i64::try_from(page.len()).unwrap_or(i64::MAX))))
        })
    }

    /// What belongs to the notice and to no one row: notes of substitutes, mails that came back, findings, names of files.
    ///
    /// # Errors
    /// `Unavailable`; `ChangedMeanwhile` when the notice is under a legal hold, or its purge has not begun.
    pub async fn finish_purge(&self, notice_id: &str, keyed: &Keyed<'_>, now: i64) -> Result<(), StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_unhurried()).await?;
            let purged = sqlx::query(PURGE_NOTICE.on(dialect)).bind(notice_id).bind(now).execute(&mut *tx).await?;
            if purged.rows_affected() == 0 {
                return Err(StoreError::ChangedMeanwhile);
            }
            let table = (&PURGE_READ_SUBSTITUTES, &PURGE_WRITE_SUBSTITUTES);
            replace!(tx, dialect, table, (notice_id, 0_i64, i64::MAX), keyed);
            for statement in [&PURGE_ARRIVALS, &PURGE_FINDINGS, &PURGE_BATCHES] {
                sqlx::query(statement.on(dialect)).bind(notice_id).execute(&mut *tx).await?;
            }
            Ok(tx.commit().await?)
        })
    }

    /// From now on SQLite overwrites what is deleted. PostgreSQL knows no such thing: see [`Store::free_space`].
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_securely(&self) -> Result<(), StoreError> {
        let Pools::Sqlite { writer, .. } = &self.pools else { return Ok(()) };
        sqlx::query("PRAGMA secure_delete = ON").fetch_all(writer).await?;
        Ok(())
    }

    /// Gives back the space of what was replaced. SQLite: the file is written anew and the write-ahead log emptied, so
    /// that no octet of it stays in either. PostgreSQL: VACUUM; its write-ahead log and backups keep what they have.
    ///
    /// # Errors
    /// `Unavailable` when somebody reads or writes for longer than the busy timeout: purging again does only this.
    pub async fn free_space(&self) -> Result<(), StoreError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => {
                for text in ["PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM"] {
                    sqlx::query(text).fetch_all(writer).await?;
                }
                let busy: i64 = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(writer).await?.get(0);
                if busy == 0 { Ok(()) } else { Err(StoreError::ChangedMeanwhile) }
            }
            Pools::Postgres { writer, .. } => {
                let mut connection = writer.acquire().await?;
                sqlx::query("SET statement_timeout = 0").execute(&mut *connection).await?;
                let vacuum = "VACUUM affected_members, intents, attempts, receipts, corrections, substitutes, arrivals, findings, batches";
                sqlx::query(vacuum).execute(&mut *connection).await?;
                sqlx::query("RESET statement_timeout").execute(&mut *connection).await?;
                Ok(())
            }
        }
    }

    /// The rows of a notice whose member has, or had, one of these addresses: as they are stored, or their keyed hashes.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn asked_members(&self, notice_id: &str, forms: &[String]) -> Result<Vec<i64>, StoreError> {
        let forms = json_rows(forms.iter().map(|form| json!([form])));
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(ASKED_MEMBERS.on(dialect)).bind(notice_id).bind(&forms);
            Ok(query.fetch_all(pool).await?.iter().map(|row| row.get(0)).collect())
        })
    }
}
