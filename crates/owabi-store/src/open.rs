//! Opening the two databases, and the one macro that compiles a function body for both.

use crate::error::StoreError;
use crate::postgres::{self, PostgresOptions};
use crate::recording::Recording;
use crate::sql::{Dialect, META_FIRST, META_GET, META_SET};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgPool;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row, SqlSafeStr};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// SQLite tells that it goes on after so many steps of its machine.
const STEPS: i32 = 10_000;

/// The queue and everything recorded about it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pools: Pools,
}

/// One writer (SQLite allows no more) and several readers.
#[derive(Clone, Debug)]
pub(crate) enum Pools {
    Sqlite { writer: SqlitePool, reader: SqlitePool, file: PathBuf },
    Postgres { writer: PgPool, reader: PgPool, recording: Recording },
}

/// Compiles one body for both databases. `$pool` is the typed pool, `$dialect` picks the texts.
macro_rules! on_both {
    ($store:expr, $side:ident, |$pool:ident, $dialect:ident| $body:expr) => {
        match &$store.pools {
            $crate::open::Pools::Sqlite { $side: $pool, .. } => {
                let $dialect = $crate::sql::Dialect::Sqlite;
                $body
            }
            $crate::open::Pools::Postgres { $side: $pool, .. } => {
                let $dialect = $crate::sql::Dialect::Postgres;
                $body
            }
        }
    };
}
pub(crate) use on_both;

/// The same for what a daemon does all the time: on PostgreSQL an answer that takes too long never comes.
macro_rules! on_both_in_time {
    ($store:expr, $side:ident, |$pool:ident, $dialect:ident| $body:expr) => {
        $store.in_time(Box::pin(async { $crate::open::on_both!($store, $side, |$pool, $dialect| $body) })).await
    };
}
pub(crate) use on_both_in_time;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// `sqlite:FILE` (absolute, or relative to the working directory) or `postgres://…`.
    pub url: String,
    /// How long a writer waits for another process's lock.
    pub busy_timeout: Duration,
    /// SQLite: connections for reading.
    pub connections: u32,
    /// Bring an older schema up to date; on PostgreSQL also create it beside other tables.
    pub migrate: bool,
    /// How to reach a PostgreSQL server.
    pub postgres: PostgresOptions,
}

impl OpenOptions {
    /// The defaults for `url`: 10 s of patience, 4 readers or a pool of 8, no migration of an existing schema.
    pub fn new(url: impl Into<String>) -> Self {
        let (busy_timeout, postgres) = (Duration::from_secs(10), PostgresOptions::default());
        Self { url: url.into(), busy_timeout, connections: 4, migrate: false, postgres }
    }
}

impl Store {
    /// Opens the database. A database without any schema gets it; an older schema only with `options.migrate`.
    ///
    /// # Errors
    /// [`StoreError::Url`], `Unavailable`, `Setup`, `SchemaOlder`, `SchemaNewer`, `Damaged`, `Migrate`.
    pub async fn open(options: &OpenOptions) -> Result<Self, StoreError> {
        if let Some(file) = options.url.strip_prefix("sqlite:") {
            let store = Self { pools: open_sqlite(Path::new(file.trim_start_matches("//")), options).await? };
            store.bring_up(options.migrate).await?;
            Ok(store)
        } else if is_postgres(&options.url) {
            Ok(Self { pools: postgres::open(options).await? })
        } else {
            Err(StoreError::Url(options.url.clone()))
        }
    }

    /// Creates the schema or brings it up to date; gives its version before and after.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn migrate(options: &OpenOptions) -> Result<(i64, i64), StoreError> {
        if is_postgres(&options.url) {
            return postgres::migrate(options).await;
        }
        let found = match Self::open(&OpenOptions { migrate: false, ..options.clone() }).await {
            Ok(store) => store.schema_version().await?,
            Err(StoreError::SchemaOlder { found, .. }) => found,
            Err(other) => return Err(other),
        };
        let store = Self::open(&OpenOptions { migrate: true, ..options.clone() }).await?;
        let to = store.schema_version().await?;
        store.close().await;
        Ok((found, to))
    }

    /// What `work` gives; on PostgreSQL `Unavailable` when the database says nothing for too long.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match &self.pools {
            Pools::Sqlite { .. } => work.await,
            Pools::Postgres { recording, .. } => recording.in_time(work).await,
        }
    }

    /// The SQLite file; `None` for PostgreSQL.
    pub fn file(&self) -> Option<&Path> {
        match &self.pools {
            Pools::Sqlite { file, .. } => Some(file),
            Pools::Postgres { .. } => None,
        }
    }

    /// The schema's version: the number of the newest migration applied, 0 when there is none.
    ///
    /// # Errors
    /// `Unavailable`, `Damaged`.
    pub async fn schema_version(&self) -> Result<i64, StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let table = match dialect {
                Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
                Dialect::Postgres => "SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')",
            };
            if sqlx::query(table).fetch_one(pool).await?.get::<i64, _>(0) == 0 {
                return Ok(0);
            }
            let newest = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success";
            Ok(sqlx::query(newest).fetch_one(pool).await?.get::<i64, _>(0))
        })
    }

    /// The newest schema version that this program knows.
    pub fn newest_schema() -> i64 {
        SQLITE_MIGRATIONS.last().map_or(0, |migration| migration.0)
    }

    async fn bring_up(&self, migrate: bool) -> Result<(), StoreError> {
        let (found, wanted) = (self.schema_version().await?, Self::newest_schema());
        if found > wanted {
            return Err(StoreError::SchemaNewer { found, wanted });
        }
        if found == wanted {
            return Ok(());
        }
        if found > 0 && !migrate {
            return Err(StoreError::SchemaOlder { found, wanted });
        }
        on_both!(self, writer, |pool, dialect| migrator(dialect).run(pool).await)?;
        Ok(())
    }

    /// Looks through the whole file for damage; says nothing when there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with SQLite's own words.
    pub async fn check_integrity(&self) -> Result<(), StoreError> {
        self.check_integrity_telling(|| ()).await
    }

    /// As [`Store::check_integrity`]; `goes_on` is called again and again for as long as the look goes on.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with SQLite's own words.
    pub async fn check_integrity_telling(&self, goes_on: impl Fn() + Send + 'static) -> Result<(), StoreError> {
        let Pools::Sqlite { reader, .. } = &self.pools else { return Ok(()) };
        let mut connection = reader.acquire().await?;
        let tell = move || {
            goes_on();
            true
        };
        connection.lock_handle().await?.set_progress_handler(STEPS, tell);
        let found: Result<SqliteRow, _> = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut *connection).await;
        connection.lock_handle().await?.remove_progress_handler();
        let found: String = found?.get(0);
        if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(found)) }
    }

    /// A value of the installation, such as the key's fingerprint.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let row = sqlx::query(META_GET.on(dialect)).bind(key).fetch_optional(pool).await?;
            Ok(row.map(|row| row.get(0)))
        })
    }

    /// The queue's own name. It goes with the queue wherever that is copied to.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn queue_id(&self) -> Result<String, StoreError> {
        Ok(self.meta("queue").await?.unwrap_or_default())
    }

    /// A value of the installation, `first` if it has none yet. Whoever comes first decides for all.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn meta_or(&self, key: &str, first: &str) -> Result<String, StoreError> {
        on_both!(self, writer, |pool, dialect| {
            sqlx::query(META_FIRST.on(dialect)).bind(key).bind(first).execute(pool).await?;
            Ok(sqlx::query(META_GET.on(dialect)).bind(key).fetch_one(pool).await?.get(0))
        })
    }

    /// Sets a value of the installation.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        on_both!(self, writer, |pool, dialect| {
            sqlx::query(META_SET.on(dialect)).bind(key).bind(value).execute(pool).await?;
            Ok(())
        })
    }

    /// Closes the pools, so that SQLite checkpoints its write-ahead log.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, reader, .. } => {
                reader.close().await;
                writer.close().await;
            }
            Pools::Postgres { recording, .. } => recording.close().await,
        }
    }
}

/// WAL with synchronous=FULL: a commit that was answered survives a power cut.
async fn open_sqlite(file: &Path, options: &OpenOptions) -> Result<Pools, StoreError> {
    let connect = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "4000")
        .disable_statement_logging();
    let pool = |size: u32| SqlitePoolOptions::new().max_connections(size).test_before_acquire(false);
    // SQLite ends a transaction by itself when the disk is full, and sqlx goes on counting it: such a connection is replaced.
    let writer = pool(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(connect.clone())
        .await?;
    let reader = pool(options.connections.max(1)).connect_lazy_with(connect.pragma("cache_size", "-2048"));
    Ok(Pools::Sqlite { writer, reader, file: file.to_owned() })
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

const SQLITE_MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "queue", include_str!("../migrations/sqlite/0001_queue.sql")),
    (2, "fleet", include_str!("../migrations/sqlite/0002_fleet.sql")),
    (3, "receipts", include_str!("../migrations/sqlite/0003_receipts.sql")),
    (4, "proof", include_str!("../migrations/sqlite/0004_proof.sql")),
    (5, "watch", include_str!("../migrations/sqlite/0005_watch.sql")),
    (6, "leaves", include_str!("../migrations/sqlite/0006_leaves.sql")),
];

/// The same numbers: one schema, written twice.
const POSTGRES_MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "queue", include_str!("../migrations/postgres/0001_queue.sql")),
    (2, "fleet", include_str!("../migrations/postgres/0002_fleet.sql")),
    (3, "receipts", include_str!("../migrations/postgres/0003_receipts.sql")),
    (4, "proof", include_str!("../migrations/postgres/0004_proof.sql")),
    (5, "watch", include_str!("../migrations/postgres/0005_watch.sql")),
    (6, "leaves", include_str!("../migrations/postgres/0006_leaves.sql")),
];

pub(crate) fn migrator(dialect: Dialect) -> Migrator {
    let texts = match dialect {
        Dialect::Sqlite => SQLITE_MIGRATIONS,
        Dialect::Postgres => POSTGRES_MIGRATIONS,
    };
    let migration = |(version, name, text): &(i64, &'static str, &'static str)| {
        Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, text.into_sql_str(), false)
    };
    Migrator::with_migrations(texts.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a08_a_commit_that_was_answered_survives_a_power_cut() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("owabi.db").display());
        let store = Store::open(&OpenOptions::new(url)).await.unwrap();
        let Pools::Sqlite { writer, .. } = &store.pools else { unreachable!() };
        let synchronous: i64 = sqlx::query("PRAGMA synchronous").fetch_one(writer).await.unwrap().get(0);
        let journal: String = sqlx::query("PRAGMA journal_mode").fetch_one(writer).await.unwrap().get(0);
        assert_eq!((synchronous, journal.as_str()), (2, "wal"), "2 is FULL: NORMAL may lose the last commits");
    }

    #[tokio::test]
    async fn the_compiled_in_sqlite_was_built_without_locks_that_all_connections_share() {
        let mut sqlite = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        let options = sqlx::query("PRAGMA compile_options").fetch_all(&mut sqlite).await.unwrap();
        let options: Vec<String> = options.iter().map(|option| option.get(0)).collect();
        assert!(options.iter().any(|option| option == "DEFAULT_MEMSTATUS=0"), "{options:?}");
        assert!(!options.iter().any(|option| option == "ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
    }

    #[tokio::test]
    async fn after_a_full_disk_the_writer_works_again_as_soon_as_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("owabi.db").display());
        let store = Store::open(&OpenOptions::new(url)).await.unwrap();
        let Pools::Sqlite { writer, .. } = &store.pools else { unreachable!() };
        sqlx::query("PRAGMA max_page_count = 1").execute(writer).await.unwrap();
        let long = "x".repeat(100_000);
        let full = store.append_ledger(1, "test", "note", None, &serde_json::json!(long)).await;
        assert!(matches!(full, Err(StoreError::Unavailable(_))), "{full:?}");
        let mut tx = writer.begin_with(Dialect::Sqlite.begin()).await.unwrap();
        sqlx::query("INSERT INTO meta VALUES ('k', $1)").bind(&long).execute(&mut *tx).await.unwrap_err();
        drop(tx);
        sqlx::query("PRAGMA max_page_count = 1000000").execute(writer).await.unwrap();
        store.append_ledger(2, "test", "note", None, &serde_json::json!("short")).await.unwrap();
    }
}
