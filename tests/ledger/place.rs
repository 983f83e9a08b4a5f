//! A ledger of one's own, on either database, and a connection that does to it what somebody with the file could do.

use crate::support::postgres::Database;
use owabi::ledger::{Checked, Sealer, check};
use owabi_core::ids::Keys;
use owabi_core::ledger::{Head, SealKey};
use owabi_store::{OpenOptions, Store};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};
use std::str::FromStr;

/// A store with its keys.
pub(super) struct Ledger {
    pub(super) store: Store,
    url: String,
    /// Removed when the ledger is.
    _folder: Option<tempfile::TempDir>,
    _database: Option<Database>,
}

/// A connection past all triggers and foreign keys.
pub(super) enum Raw {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

/// An entry whose transaction is still open.
pub(super) struct Open(Raw);

pub(super) fn keys() -> Keys {
    Keys::new(&[7; 32]).unwrap()
}

pub(super) fn key() -> SealKey {
    SealKey::from_octets(&[9; 32])
}

impl Ledger {
    pub(super) async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("owabi.db").display());
        let store = Store::open(&OpenOptions::new(&url)).await.unwrap();
        Self { store, url, _folder: Some(folder), _database: None }
    }

    pub(super) async fn on_postgres(database: Database) -> Self {
        let url = database.url().to_owned();
        let store = Store::open(&OpenOptions::new(&url)).await.unwrap();
        Self { store, url, _folder: None, _database: Some(database) }
    }

    pub(super) async fn sealer(&self) -> Sealer {
        Sealer::new(self.store.clone(), keys(), key()).await.unwrap()
    }

    pub(super) async fn check(&self, expected: Option<Head>) -> Checked {
        check(&self.store, &keys(), key().public(), expected, &|_| {}).await.unwrap()
    }

    /// Enters something.
    pub(super) async fn enter(&self, n: i64) {
        self.store.append_ledger(n, "test", "note", Some("n1"), &json!({ "n": n })).await.unwrap();
    }

    /// What somebody else does.
    pub(super) async fn run(&self, sql: &str) {
        self.raw().await.run(sql).await;
    }

    pub(super) async fn open_entry(&self, actor: &str) -> Open {
        let mut raw = self.raw().await;
        raw.run(&format!("BEGIN; INSERT INTO ledger (at, actor, kind, body) VALUES (1, '{actor}', 'note', '{{}}')"))
            .await;
        Open(raw)
    }

    pub(super) async fn raw(&self) -> Raw {
        if self.url.starts_with("sqlite:") {
            let options =
                SqliteConnectOptions::from_str(&self.url).unwrap().foreign_keys(false).pragma("synchronous", "OFF");
            Raw::Sqlite(Box::new(SqliteConnection::connect_with(&options).await.unwrap()))
        } else {
            Raw::Postgres(Box::new(PgConnection::connect(&self.url).await.unwrap()))
        }
    }
}

impl Open {
    pub(super) async fn commit(mut self) {
        self.0.run("COMMIT").await;
    }

    pub(super) async fn roll_back(mut self) {
        self.0.run("ROLLBACK").await;
    }
}

impl Raw {
    pub(super) async fn run(&mut self, sql: &str) {
        let text = AssertSqlSafe(sql.to_owned());
        let done = match self {
            Self::Sqlite(connection) => connection.execute(sqlx::raw_sql(text)).await.map(|_| ()),
            Self::Postgres(connection) => connection.execute(sqlx::raw_sql(text)).await.map(|_| ()),
        };
        done.unwrap_or_else(|refused| panic!("{sql}: {refused}"));
    }

    /// Rows of whole numbers; what is NULL is 0.
    pub(super) async fn numbers(&mut self, sql: &str) -> Vec<Vec<i64>> {
        let text = AssertSqlSafe(sql.to_owned());
        macro_rules! read {
            ($connection:expr) => {
                sqlx::query(text)
                    .fetch_all(&mut **$connection)
                    .await
                    .unwrap()
                    .iter()
                    .map(|row| (0..row.len()).map(|at| row.get::<Option<i64>, _>(at).unwrap_or(0)).collect())
                    .collect()
            };
        }
        match self {
            Self::Sqlite(connection) => read!(connection),
            Self::Postgres(connection) => read!(connection),
        }
    }

    /// Takes the guards away, as somebody with the file or the superuser can.
    pub(super) async fn disarm(&mut self) {
        match self {
            Self::Postgres(_) => self.run("SET session_replication_role = replica").await,
            Self::Sqlite(connection) => {
                let names = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'";
                let names = sqlx::query_as::<_, (String, String)>(names).fetch_all(&mut **connection).await.unwrap();
                for (name, table) in names {
                    let other = format!("CREATE TRIGGER {name} BEFORE DELETE ON {table} WHEN 0 BEGIN SELECT 1; END");
                    self.run(&format!("DROP TRIGGER {name}; {other}")).await;
                }
            }
        }
    }
}
