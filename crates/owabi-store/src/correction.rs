//! Addresses that a person corrected.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::sql::{CORRECT_MEMBER, CORRECTION_INSERT, CORRECTIONS_OF};
use serde::Serialize;
use sqlx::Row;

/// A correction to make.
#[derive(Clone, Copy, Debug)]
pub struct Correction<'a> {
    /// The row's id.
    pub member_id: i64,
    /// The address as it stands.
    pub old: Option<&'a str>,
    /// The normalised address that takes its place.
    pub new: &'a str,
    /// Why, or from whom it is known.
    pub reason: &'a str,
    /// Who.
    pub actor: &'a str,
}

/// A correction as it was recorded. The keys are those of `member show --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CorrectionRow {
    /// In the order of recording.
    pub id: i64,
    /// When (epoch milliseconds).
    pub at: i64,
    /// Who.
    pub actor: String,
    /// Why, or from whom it is known.
    pub reason: String,
    /// The address before.
    pub old_email: Option<String>,
    /// The address since.
    pub new_email: String,
}

impl Store {
    /// Corrects an address; it is recorded with who, why and the old one. `false`: the member is just being sent to, or
    /// the address is not the old one any more; nothing is changed.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn correct(&self, correction: &Correction<'_>, now: i64) -> Result<bool, StoreError> {
        let Correction { member_id, old, new, reason, actor } = *correction;
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let update = sqlx::query(CORRECT_MEMBER.on(dialect)).bind(member_id).bind(new);
            if update.bind(old.unwrap_or_default()).execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let insert = sqlx::query(CORRECTION_INSERT.on(dialect)).bind(member_id).bind(now).bind(actor);
            insert.bind(reason).bind(old).bind(new).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    /// The corrections of one member's address, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn corrections_of(&self, member_id: i64) -> Result<Vec<CorrectionRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(CORRECTIONS_OF.on(dialect)).bind(member_id).fetch_all(pool).await?;
            Ok(rows
                .iter()
                .map(|row| CorrectionRow {
                    id: row.get(0),
                    at: row.get(1),
                    actor: row.get(2),
                    reason: row.get(3),
                    old_email: row.get(4),
                    new_email: row.get(5),
                })
                .collect())
        })
    }
}
