//! A whole queue from one database into another, whichever two they are, in one transaction of the target.
//!
//! Each row travels as one JSON array. What the target holds in the end is read back before it is committed, and its
//! SHA-256 is compared table by table.

mod tables;

use crate::error::StoreError;
use crate::fleet::FORGET_MS;
use crate::open::Store;
use crate::sql::{Dialect, LEDGER_APPEND, META_SET};
use crate::tx::{Tx, on_tx};
use serde_json::json;
use sqlx::Row;
use tables::{Done, TABLES};

/// Where a queue that was copied keeps the name of its new home.
const MOVED_TO: &str = "moved_to";

/// Who copies what, for the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Copying<'a> {
    /// Who.
    pub actor: &'a str,
    /// The source's URL, which holds no password.
    pub from: &'a str,
    /// The target's URL, which holds no password.
    pub to: &'a str,
    /// When (epoch milliseconds).
    pub at: i64,
}

/// A table whose rows are the same in both databases.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CopiedTable {
    /// Its name.
    pub table: &'static str,
    /// How many rows.
    pub rows: u64,
    /// SHA-256 over all its rows in the order of their keys, lower-case hexadecimal.
    pub sha256: String,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target is in use.
    #[error("the target's table {0} holds rows already")]
    NotEmpty(&'static str),
    /// The source was moved already, and not to this target.
    #[error("the queue was moved to {0} before")]
    Moved(String),
    /// A daemon is at work in one of the two.
    #[error("owabi is at work there: process {pid} on {host}")]
    AtWork {
        /// Its machine.
        host: String,
        /// Its number there.
        pid: i64,
    },
    /// PostgreSQL stores no NUL.
    #[error("{table}, the row with {key}: column {column} holds a NUL character, which PostgreSQL does not store")]
    Nul {
        /// The table.
        table: &'static str,
        /// The row's key.
        key: String,
        /// The column.
        column: &'static str,
    },
    /// What the target holds is not what the source holds.
    #[error("{table} differs after the copy: {source_rows} rows there, {target_rows} here")]
    Differs {
        /// The table.
        table: &'static str,
        /// Rows of the source.
        source_rows: u64,
        /// Rows of the target.
        target_rows: u64,
    },
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// How many rows a copy has to move.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn rows_to_copy(&self) -> Result<u64, StoreError> {
        let mut tx = self.begin(Dialect::begin).await?;
        let mut all = 0;
        let text = "SELECT (SELECT COUNT(*) FROM affected_members) + (SELECT COUNT(*) FROM intents) \
                    + (SELECT COUNT(*) FROM attempts) + (SELECT COUNT(*) FROM findings) + (SELECT COUNT(*) FROM ledger) \
                    + (SELECT COUNT(*) FROM receipts) + (SELECT COUNT(*) FROM arrivals)";
        on_tx!(tx, |tx, _dialect| all += sqlx::query(text).fetch_one(&mut **tx).await?.get::<i64, _>(0));
        tx.roll_back().await?;
        Ok(all.unsigned_abs())
    }

    /// Copies everything into `target`, whose queue must be empty, and marks this queue as moved. `progress` is told of
    /// each row twice: when it is written, and when it has been read back.
    ///
    /// Nobody else can write to either database meanwhile. Both are locked until the end.
    ///
    /// # Errors
    /// See [`CopyError`]; the target is then as it was.
    pub async fn copy_to(
        &self,
        target: &Self,
        copying: Copying<'_>,
        progress: &dyn Fn(u64),
    ) -> Result<Vec<CopiedTable>, CopyError> {
        for store in [self, target] {
            store.refuse_at_work().await?;
        }
        // To the same place again: there the earlier copy did not come to its end.
        if let Some(place) = self.moved_to().await?.filter(|place| place != copying.to) {
            return Err(CopyError::Moved(place));
        }
        let mut from = self.begin(Dialect::begin_alone).await?;
        let mut to = target.begin(Dialect::begin_alone).await?;
        refuse_used(&mut to).await?;
        on_tx!(to, |tx, _dialect| sqlx::query("DELETE FROM meta").execute(&mut **tx).await.map(|_| ())?);
        let mut copied = Vec::new();
        let mut done = Done { rows: 0, progress };
        for table in &TABLES {
            let source = table.copy(&mut from, &mut to, &mut done).await?;
            let kept = table.content(&mut to, &mut done).await?;
            if source != kept {
                let (source_rows, target_rows) = (source.rows, kept.rows);
                return Err(CopyError::Differs { table: table.name, source_rows, target_rows });
            }
            copied.push(source);
            // The ledger comes with the rows: none of them enters it a second time.
            if table.name == "meta" {
                enter_nothing(&mut to, true).await?;
            }
        }
        enter_nothing(&mut to, false).await?;
        go_on_counting(&mut to).await?;
        tell_ledger(&mut to, copying, &copied).await?;
        // The mark comes first: of a queue in two places one would send what the other has sent.
        mark(&mut from, copying.to).await?;
        from.commit().await?;
        to.commit().await?;
        Ok(copied)
    }

    /// Where this queue was copied to, if it was: nobody may send from it any more.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn moved_to(&self) -> Result<Option<String>, StoreError> {
        self.meta(MOVED_TO).await
    }

    /// A daemon on SQLite is known by its lock.
    async fn refuse_at_work(&self) -> Result<(), CopyError> {
        if !self.is_shared() {
            return Ok(());
        }
        let alive = self.clock_ms().await? - FORGET_MS;
        match self.daemons().await?.into_iter().find(|daemon| daemon.seen_at >= alive) {
            Some(daemon) => Err(CopyError::AtWork { host: daemon.host, pid: daemon.pid }),
            None => Ok(()),
        }
    }
}

async fn refuse_used(target: &mut Tx) -> Result<(), CopyError> {
    for table in TABLES.iter().filter(|table| table.name != "meta") {
        let used = on_tx!(*target, |tx, dialect| {
            sqlx::query(table.texts(dialect).any.as_str()).fetch_optional(&mut **tx).await?.is_some()
        });
        if used {
            return Err(CopyError::NotEmpty(table.name));
        }
    }
    Ok(())
}

/// Whether the triggers rest that give what is recorded its place in the ledger.
async fn enter_nothing(target: &mut Tx, rest: bool) -> Result<(), CopyError> {
    let text = if rest {
        "INSERT INTO meta (key, value) VALUES ('copying', '1')"
    } else {
        "DELETE FROM meta WHERE key = 'copying'"
    };
    on_tx!(*target, |tx, _dialect| sqlx::query(text).execute(&mut **tx).await.map(|_| ())?);
    Ok(())
}

/// Rows come with the ids that they had: the next one must get a new one.
async fn go_on_counting(target: &mut Tx) -> Result<(), CopyError> {
    let Tx::Postgres(tx) = target else { return Ok(()) };
    for text in [
        "SELECT setval(pg_get_serial_sequence('affected_members', 'id'), MAX(id)) FROM affected_members HAVING COUNT(*) > 0",
        "SELECT setval(pg_get_serial_sequence('receipts', 'id'), MAX(id)) FROM receipts HAVING COUNT(*) > 0",
        "SELECT setval(pg_get_serial_sequence('corrections', 'id'), MAX(id)) FROM corrections HAVING COUNT(*) > 0",
        "SELECT setval(pg_get_serial_sequence('substitutes', 'id'), MAX(id)) FROM substitutes HAVING COUNT(*) > 0",
        "SELECT setval(pg_get_serial_sequence('ledger', 'seq'), MAX(seq)) FROM ledger HAVING COUNT(*) > 0",
    ] {
        sqlx::query(text).execute(&mut **tx).await?;
    }
    Ok(())
}

async fn tell_ledger(target: &mut Tx, copying: Copying<'_>, copied: &[CopiedTable]) -> Result<(), CopyError> {
    let Copying { actor, from, at, .. } = copying;
    let body = json!({ "from": from, "tables": copied }).to_string();
    on_tx!(*target, |tx, dialect| {
        let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(at).bind(actor).bind("copy");
        entry.bind(None::<String>).bind(body).execute(&mut **tx).await?;
    });
    Ok(())
}

async fn mark(source: &mut Tx, to: &str) -> Result<(), CopyError> {
    on_tx!(*source, |tx, dialect| {
        sqlx::query(META_SET.on(dialect)).bind(MOVED_TO).bind(to).execute(&mut **tx).await?;
    });
    Ok(())
}
