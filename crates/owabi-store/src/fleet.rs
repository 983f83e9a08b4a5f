//! The daemons that share one queue: who is at work, and what each may use of what is limited for all of them together.

use crate::error::StoreError;
use crate::open::{Pools, Store, on_both_in_time};
use crate::sql::{CLOCK, DAEMON_BEAT, DAEMON_LEAVES, DAEMONS, FLEET_LOCK};
use sqlx::Row;
use sqlx::postgres::PgListener;
use std::collections::BTreeMap;

/// A daemon that was not heard of for so long is not at work (milliseconds of the database's clock): the others share out what
/// was its own.
pub const FORGET_MS: i64 = 10_000;
/// A daemon that was not seen for so long is forgotten for good.
const REMEMBER_MS: i64 = 86_400_000;
/// The channel of the triggers of `0002_fleet.sql`.
const CHANNEL: &str = "owabi";

/// One daemon, as the others see it. Times are the database's (epoch milliseconds).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DaemonRow {
    /// A UUID (version 7), new at each start.
    pub id: String,
    /// The machine's name.
    pub host: String,
    /// The process's number there.
    pub pid: i64,
    /// Of owabi.
    pub version: String,
    /// When it started.
    pub started_at: i64,
    /// When it was last heard of.
    pub seen_at: i64,
    /// What it may use of each limited thing.
    pub shares: BTreeMap<String, f64>,
}

/// What a beat found.
#[derive(Clone, Debug)]
pub struct Beat {
    /// The database's clock (epoch milliseconds).
    pub database_ms: i64,
    /// The other daemons that are alive.
    pub others: Vec<DaemonRow>,
}

/// Reads a row of `daemons.sql`. Shares that cannot be read count as none.
macro_rules! daemon {
    ($row:expr) => {
        DaemonRow {
            id: $row.get(0),
            host: $row.get(1),
            pid: $row.get(2),
            version: $row.get(3),
            started_at: $row.get(4),
            seen_at: $row.get(5),
            shares: serde_json::from_str($row.get(6)).unwrap_or_default(),
        }
    };
}

impl Store {
    /// Whether many daemons may work on this database: PostgreSQL.
    pub fn is_shared(&self) -> bool {
        matches!(self.pools, Pools::Postgres { .. })
    }

    /// Says that this daemon is alive, and what it uses from now on: `decide` sees the others that were heard of within
    /// `forget_ms` and chooses. One daemon at a time does this, so that what all of them chose adds up.
    ///
    /// `me.seen_at` and `me.shares` are not read.
    ///
    /// # Errors
    /// `Unavailable`: nothing was chosen.
    pub async fn beat(
        &self,
        me: &DaemonRow,
        forget_ms: i64,
        decide: impl FnOnce(&[DaemonRow]) -> BTreeMap<String, f64>,
    ) -> Result<Beat, StoreError> {
        on_both_in_time!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_brief()).await?;
            sqlx::query(FLEET_LOCK.on(dialect)).fetch_optional(&mut *tx).await?;
            let database_ms: i64 = sqlx::query(CLOCK.on(dialect)).fetch_one(&mut *tx).await?.get(0);
            let rows = sqlx::query(DAEMONS.on(dialect)).fetch_all(&mut *tx).await?;
            let mut others: Vec<DaemonRow> = rows.iter().map(|row| daemon!(row)).collect();
            if others.iter().any(|other| other.seen_at < database_ms - REMEMBER_MS) {
                let leave = sqlx::query(DAEMON_LEAVES.on(dialect)).bind("").bind(database_ms - REMEMBER_MS);
                leave.execute(&mut *tx).await?;
            }
            others.retain(|other| other.id != me.id && other.seen_at >= database_ms - forget_ms);
            let shares = serde_json::json!(decide(&others)).to_string();
            let beat = sqlx::query(DAEMON_BEAT.on(dialect)).bind(&me.id).bind(&me.host).bind(me.pid).bind(&me.version);
            beat.bind(me.started_at).bind(database_ms).bind(shares).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(Beat { database_ms, others })
        })
    }

    /// This daemon is done: what it used is free for the others at once.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn say_goodbye(&self, id: &str) -> Result<(), StoreError> {
        on_both_in_time!(self, writer, |pool, dialect| {
            sqlx::query(DAEMON_LEAVES.on(dialect)).bind(id).bind(i64::MIN).execute(pool).await?;
            Ok(())
        })
    }

    /// The daemons that the database remembers, alive or not.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn daemons(&self) -> Result<Vec<DaemonRow>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let rows = sqlx::query(DAEMONS.on(dialect)).fetch_all(pool).await?;
            Ok(rows.iter().map(|row| daemon!(row)).collect())
        })
    }

    /// The database's clock (epoch milliseconds).
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn clock_ms(&self) -> Result<i64, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| Ok(sqlx::query(CLOCK.on(dialect)).fetch_one(pool).await?.get(0)))
    }

    /// Listens for news of the queue from other processes; on SQLite there are none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn news(&self) -> Result<News, StoreError> {
        let Pools::Postgres { writer, .. } = &self.pools else { return Ok(News(None)) };
        let mut listener = PgListener::connect_with(writer).await?;
        listener.listen(CHANNEL).await?;
        Ok(News(Some(listener)))
    }
}

/// News of the queue: PostgreSQL's notifications on channel `owabi`.
#[derive(Debug)]
pub struct News(Option<PgListener>);

impl News {
    /// Waits for the next one; also returns when a lost connection was opened anew, because something may have been missed.
    ///
    /// # Errors
    /// `Unavailable`: there is no connection; ask again after a while.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        match &mut self.0 {
            Some(listener) => Ok(listener.try_recv().await.map(|_| ())?),
            None => std::future::pending().await,
        }
    }
}
