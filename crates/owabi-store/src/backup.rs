//! Copies of a SQLite file, and how the file itself does.

use crate::error::StoreError;
use crate::open::{Pools, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Row};
use std::path::Path;

/// How a SQLite file is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Octets of a page.
    pub size: i64,
    /// Pages of the file.
    pub all: i64,
    /// Those of them that nothing is in.
    pub free: i64,
}

impl Store {
    /// Writes a consistent copy of the SQLite database while it is in use. The target is not there yet, or empty.
    ///
    /// # Errors
    /// When the target holds something or cannot be written; on PostgreSQL, where `pg_dump` does this.
    pub async fn backup_to(&self, target: &Path) -> Result<(), StoreError> {
        let Pools::Sqlite { reader, .. } = &self.pools else {
            return Err(StoreError::Url("postgres: use pg_dump".into()));
        };
        sqlx::query("VACUUM INTO $1").bind(target.to_string_lossy().into_owned()).execute(reader).await?;
        Ok(())
    }

    /// Opens a copy that nobody uses, to look at it: nothing in it or beside it changes, and nothing can be written.
    ///
    /// # Errors
    /// `Unavailable` and `Damaged` when it is no SQLite database.
    pub async fn open_copy(file: &Path) -> Result<Self, StoreError> {
        let connect = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(connect.disable_statement_logging());
        let pool = pool.await?;
        Ok(Self { pools: Pools::Sqlite { writer: pool.clone(), reader: pool, file: file.to_owned() } })
    }

    /// Looks through the whole SQLite file and its indexes for damage, which takes as long as reading all of it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with SQLite's own words.
    pub async fn check_integrity_fully(&self) -> Result<(), StoreError> {
        let Pools::Sqlite { reader, .. } = &self.pools else { return Ok(()) };
        let found: String = sqlx::query("PRAGMA integrity_check(1)").fetch_one(reader).await?.get(0);
        if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(found)) }
    }

    /// How the SQLite file is filled; `None` on PostgreSQL.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn pages(&self) -> Result<Option<Pages>, StoreError> {
        let Pools::Sqlite { reader, .. } = &self.pools else { return Ok(None) };
        let pages = "SELECT s.page_size, c.page_count, f.freelist_count \
                     FROM pragma_page_size s, pragma_page_count c, pragma_freelist_count f";
        let row = sqlx::query(pages).fetch_one(reader).await?;
        Ok(Some(Pages { size: row.get(0), all: row.get(1), free: row.get(2) }))
    }
}
