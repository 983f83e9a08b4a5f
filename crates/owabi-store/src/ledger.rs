//! The entries of the ledger, each with the row that it names, and what stands outside it and must agree with it.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::sql::{LEDGER_AMONG, LEDGER_BESIDE, LEDGER_ENTRIES, LEDGER_MEMBERS, LEDGER_NEWEST, json_rows};
use owabi_core::ledger::Entry;
use serde_json::json;
use sqlx::Row;

mod lines;
mod loose;
mod triggers;

pub use loose::{Loose, OtherAddress};
pub use triggers::WrongTrigger;

/// One entry as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its number.
    pub seq: i64,
    /// What it says; `None` when something stands there that owabi has never written.
    pub entry: Option<Entry>,
}

/// Where a member stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPlace {
    /// The row's id.
    pub id: i64,
    /// The member's number.
    pub member_no: String,
    /// The notice.
    pub notice_id: String,
    /// The status as it is written there.
    pub status: String,
}

/// An approval, a release, a notice, an import, a resend or a person, as it stands outside the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// `approval`, `release`, `notice` (as released), `import`, `resend`, `user`, or a notice's `state`, `hold` or `purge`.
    pub what: String,
    /// The notice.
    pub notice_id: String,
    /// Who; the person of a `user`; empty for a notice.
    pub actor: String,
    /// When (epoch milliseconds).
    pub at: i64,
    /// The fingerprint of what is sent; the batch's id of an import or a resend; a person's role; a notice's state; `set` for a hold.
    pub fingerprint: String,
    /// The hash of the roster; the hash of the file of an import; the account of a person.
    pub hash: String,
    /// The files as released; the totals of an import; the reason of a resend; `disabled` for such a person.
    pub more: String,
}

/// A row's one text as octets: a file that somebody edited may hold what is no text. Nothing when there are no lines.
fn octets<'r, R>(row: &'r R) -> Result<Vec<u8>, sqlx::Error>
where
    R: Row,
    usize: sqlx::ColumnIndex<R>,
    Option<Vec<u8>>: sqlx::Decode<'r, R::Database>,
{
    Ok(row.try_get_unchecked::<Option<Vec<u8>>, _>(0)?.unwrap_or_default())
}

/// Whether SQLite answered that octets stand where text belongs; it has no code of its own for that.
fn holds_octets(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused(sqlx::Error::Database(error)) if error.message().contains("JSON cannot hold BLOB values"))
}

impl Store {
    /// The entries numbered `first` to `last`: no more of them than there are numbers.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn ledger_entries(&self, first: i64, last: i64) -> Result<Vec<LedgerRow>, StoreError> {
        let page = self.ledger_page(first, last).await;
        // SQLite makes no line of a value that owabi has never written.
        if first < last && page.as_ref().is_err_and(holds_octets) {
            let half = first + (last - first) / 2;
            let mut rows = Box::pin(self.ledger_entries(first, half)).await?;
            rows.extend(Box::pin(self.ledger_entries(half + 1, last)).await?);
            return Ok(rows);
        }
        match page {
            Err(error) if holds_octets(&error) => Ok(vec![LedgerRow { seq: first, entry: None }]),
            page => Ok(lines::rows(&page?)),
        }
    }

    async fn ledger_page(&self, first: i64, last: i64) -> Result<Vec<u8>, StoreError> {
        Ok(on_both!(self, reader, |pool, dialect| {
            octets(&sqlx::query(LEDGER_ENTRIES.on(dialect)).bind(first).bind(last).fetch_one(pool).await?)
        })?)
    }

    /// The largest number of an entry; 0 without any.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn ledger_newest(&self) -> Result<i64, StoreError> {
        on_both!(self, reader, |pool, dialect| Ok(sqlx::query(LEDGER_NEWEST.on(dialect)).fetch_one(pool).await?.get(0)))
    }

    /// The numbers of entries in these ranges, ascending, no more than `limit`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn ledger_among(&self, ranges: &[(i64, i64)], limit: i64) -> Result<Vec<i64>, StoreError> {
        let ranges = json_rows(ranges.iter().map(|(first, last)| json!([first, last])));
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(LEDGER_AMONG.on(dialect)).bind(&ranges).bind(limit).fetch_all(pool).await?;
            let mut numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
            numbers.sort_unstable();
            Ok(numbers)
        })
    }

    /// Where the next `limit` members stand after the row `after`, of all notices.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn member_places(&self, after: i64, limit: i64) -> Result<Vec<MemberPlace>, StoreError> {
        let page = on_both!(self, reader, |pool, dialect| {
            octets(&sqlx::query(LEDGER_MEMBERS.on(dialect)).bind(after).bind(limit).fetch_one(pool).await?)
        })?;
        Ok(lines::places(&page))
    }

    /// What stands outside the ledger and must agree with it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn beside_the_ledger(&self) -> Result<Vec<Beside>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(LEDGER_BESIDE.on(dialect)).fetch_all(pool).await?;
            let mut beside = Vec::with_capacity(rows.len());
            for row in &rows {
                beside.push(Beside {
                    what: row.get(0),
                    notice_id: row.get(1),
                    actor: row.get(2),
                    at: row.get(3),
                    fingerprint: row.get(4),
                    hash: row.get(5),
                    more: row.get(6),
                });
            }
            Ok(beside)
        })
    }
}
