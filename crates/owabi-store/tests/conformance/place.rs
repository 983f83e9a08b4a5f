//! Where a test's store lives: a file for SQLite, or a database of a real PostgreSQL.

use crate::postgres::{Database, Server};
use owabi_store::{OpenOptions, Store};
use tempfile::TempDir;

/// One test's own database, empty at first.
pub(crate) enum Place {
    Sqlite(TempDir),
    Postgres(Database),
}

/// Makes two tests of one function: `NAME::sqlite` and `NAME::postgres`.
macro_rules! on_both_databases {
    ($name:ident) => {
        mod $name {
            use crate::place::Place;

            #[tokio::test]
            async fn sqlite() {
                super::$name(Place::sqlite()).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(Place::postgres()).await;
            }
        }
    };
}
pub(crate) use on_both_databases;

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(Server::shared().database())
    }

    /// As in `database.url`.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("owabi.db").display()),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }

    /// The store, with a schema.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&OpenOptions::new(self.url())).await.unwrap()
    }

    /// What another process does to the database; `Err` is what that said against it.
    pub(crate) async fn run(&self, sql: &'static str) -> Result<(), String> {
        match self {
            Self::Sqlite(_) => {
                let pool = sqlx::SqlitePool::connect(&self.url()).await.unwrap();
                let done = sqlx::query(sql).execute(&pool).await;
                pool.close().await;
                done.map(|_| ()).map_err(|refused| refused.to_string())
            }
            Self::Postgres(database) => database.try_psql(sql).map(|_| ()),
        }
    }

    /// The one text that another process reads.
    pub(crate) async fn text(&self, sql: &'static str) -> String {
        match self {
            Self::Sqlite(_) => {
                let pool = sqlx::SqlitePool::connect(&self.url()).await.unwrap();
                let text = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
                pool.close().await;
                text
            }
            Self::Postgres(database) => database.psql(sql),
        }
    }
}
