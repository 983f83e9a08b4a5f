//! What stands outside the ledger and no entry explains.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::sql::{LEDGER_ADDRESSES, LEDGER_LOOSE};
use sqlx::Row;

/// Something that no entry explains, or that an entry names and is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loose {
    /// Which sort.
    pub sort: String,
    /// The notice, if it is of one.
    pub notice_id: String,
    /// Whose, or which: a member's number or row, a batch, a table.
    pub whose: String,
    /// The number of an entry or a row, or how many.
    pub number: i64,
}

/// An address that is not letter by letter what was corrected or written to last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherAddress {
    /// The row's id.
    pub id: i64,
    /// The notice.
    pub notice_id: String,
    /// The member's number.
    pub member_no: String,
    /// The address as it stands in the row; empty for none.
    pub email: String,
    /// The last corrected one.
    pub corrected: Option<String>,
    /// The one that was written to last, in its enveloped form.
    pub written: Option<String>,
}

impl Store {
    /// What no entry explains: of each sort the first, all at one moment.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn loose_of_the_ledger(&self) -> Result<Vec<Loose>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_to_read()).await?;
            let rows = sqlx::query(LEDGER_LOOSE.on(dialect)).fetch_all(&mut *tx).await?;
            let loose = rows.iter().map(|row| {
                Ok(Loose {
                    sort: row.try_get(0)?,
                    notice_id: row.try_get(1)?,
                    whose: row.try_get(2)?,
                    number: row.try_get(3)?,
                })
            });
            loose.collect()
        })
    }

    /// The next `limit` members after the row `after` whose address is not letter by letter what was corrected, or else
    /// written to, last.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn other_addresses(&self, after: i64, limit: i64) -> Result<Vec<OtherAddress>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_look()).await?;
            let rows = sqlx::query(LEDGER_ADDRESSES.on(dialect)).bind(after).bind(limit).fetch_all(&mut *tx).await?;
            let other = rows.iter().map(|row| {
                Ok(OtherAddress {
                    id: row.try_get(0)?,
                    notice_id: row.try_get(1)?,
                    member_no: row.try_get(2)?,
                    email: row.try_get(3)?,
                    corrected: row.try_get(4)?,
                    written: row.try_get(5)?,
                })
            });
            other.collect()
        })
    }
}
