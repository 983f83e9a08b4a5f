//! A transaction of administration that stays open over many calls, on either database.

use crate::error::StoreError;
use crate::open::{Pools, Store};
use crate::sql::Dialect;
use sqlx::{Postgres, Sqlite, Transaction};

/// An open transaction. Dropping it leaves the database as it was.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// As `on_both`, for an open transaction.
macro_rules! on_tx {
    ($place:expr, |$tx:ident, $dialect:ident| $body:expr) => {
        match &mut $place {
            $crate::tx::Tx::Sqlite($tx) => {
                let $dialect = $crate::sql::Dialect::Sqlite;
                $body
            }
            $crate::tx::Tx::Postgres($tx) => {
                let $dialect = $crate::sql::Dialect::Postgres;
                $body
            }
        }
    };
}
pub(crate) use on_tx;

impl Store {
    /// Begins a transaction with one of the texts of [`Dialect`].
    pub(crate) async fn begin(&self, text: impl Fn(Dialect) -> &'static str) -> Result<Tx, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with(text(Dialect::Sqlite)).await?),
            Pools::Postgres { writer, .. } => Tx::Postgres(writer.begin_with(text(Dialect::Postgres)).await?),
        })
    }

    /// The same over the connections for reading.
    pub(crate) async fn begin_reading(&self, text: impl Fn(Dialect) -> &'static str) -> Result<Tx, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { reader, .. } => Tx::Sqlite(reader.begin_with(text(Dialect::Sqlite)).await?),
            Pools::Postgres { reader, .. } => Tx::Postgres(reader.begin_with(text(Dialect::Postgres)).await?),
        })
    }

    /// Begins a transaction that reads the database as it is at its first statement, however long it takes.
    pub(crate) async fn begin_to_read(&self) -> Result<Tx, StoreError> {
        self.begin_reading(Dialect::begin_to_read).await
    }
}

impl Tx {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}
