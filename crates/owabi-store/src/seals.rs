//! Seals: read in their order, and appended one after the other.

use crate::error::StoreError;
use crate::open::{Store, on_both, on_both_in_time};
use crate::sql::{LEDGER_TRANSACTIONS, SEAL_INSERT, SEAL_LEAVES, SEAL_LOCK, SEAL_NEWEST, SEALS_AFTER};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use owabi_core::ledger::{Hash, Seal, StoredSeal};
use sqlx::Row;

/// The columns of a seal.
macro_rules! seal {
    ($row:expr) => {
        StoredSeal {
            number: $row.get(0),
            at: $row.get(1),
            first_seq: $row.get(2),
            last_seq: $row.get(3),
            entries: $row.get(4),
            text: $row.get(5),
            signature: $row.get(6),
        }
    };
}

/// Which transactions can still commit what others do not see yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transactions {
    /// All before it have ended.
    pub oldest: i64,
    /// None that runs is this one or later.
    pub next: i64,
}

impl Store {
    /// The newest seal.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn newest_seal(&self) -> Result<Option<StoredSeal>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let row = sqlx::query(SEAL_NEWEST.on(dialect)).fetch_optional(pool).await?;
            Ok(row.map(|row| seal!(row)))
        })
    }

    /// The next `limit` seals after number `after`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn seals_after(&self, after: i64, limit: i64) -> Result<Vec<StoredSeal>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(SEALS_AFTER.on(dialect)).bind(after).bind(limit).fetch_all(pool).await?;
            Ok(rows.iter().map(|row| seal!(row)).collect())
        })
    }

    /// The hashes of a seal's entries as they were when it was made; `None` when they are not there or are no hashes.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn seal_leaves(&self, number: i64) -> Result<Option<Vec<Hash>>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let row = sqlx::query(SEAL_LEAVES.on(dialect)).bind(number).fetch_optional(pool).await?;
            Ok(row.and_then(|row| leaves_of(&row.get::<String, _>(0))))
        })
    }

    /// Appends a seal, with the hashes of its entries, behind the one whose text has the hash `previous`. Returns whether
    /// that was still the newest.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn append_seal(&self, seal: &StoredSeal, leaves: &[Hash], previous: &Hash) -> Result<bool, StoreError> {
        let leaves = STANDARD_NO_PAD.encode(leaves.concat());
        on_both_in_time!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_brief()).await?;
            sqlx::query(SEAL_LOCK.on(dialect)).fetch_optional(&mut *tx).await?;
            let newest = sqlx::query(SEAL_NEWEST.on(dialect)).fetch_optional(&mut *tx).await?.map(|row| seal!(row));
            let follows = newest.as_ref().map_or(seal.number == 1, |newest| {
                newest.number == seal.number - 1 && Seal::hash_of(&newest.text) == *previous
            });
            if !follows {
                return Ok(false);
            }
            let insert = sqlx::query(SEAL_INSERT.on(dialect)).bind(seal.number).bind(seal.at).bind(seal.first_seq);
            let insert = insert.bind(seal.last_seq).bind(seal.entries).bind(&seal.text).bind(&seal.signature);
            insert.bind(&leaves).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    /// Which transactions run now. On SQLite none can commit anything before what is there already.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn transactions(&self) -> Result<Transactions, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let row = sqlx::query(LEDGER_TRANSACTIONS.on(dialect)).fetch_one(pool).await?;
            Ok(Transactions { oldest: row.get(0), next: row.get(1) })
        })
    }
}

fn leaves_of(text: &str) -> Option<Vec<Hash>> {
    let octets = STANDARD_NO_PAD.decode(text).ok()?;
    let (leaves, rest) = octets.as_chunks::<32>();
    (rest.is_empty() && !leaves.is_empty()).then(|| leaves.to_vec())
}
