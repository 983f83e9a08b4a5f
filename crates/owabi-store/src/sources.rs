//! Where receipts come from, how far each source was read, and what of it waits for a person.

use crate::error::StoreError;
use crate::open::{Store, on_both, on_both_in_time};
use crate::receipts::ArrivalRow;
use crate::sql::{
    ARRIVAL, ARRIVAL_COUNTS, ARRIVALS_LIKE, ARRIVALS_OPEN, LEDGER_APPEND, QUIET, SOURCE_FOLLOW, SOURCE_FORGET,
    SOURCE_LOOKED, SOURCE_POSITION, SOURCE_REMEMBER, SOURCE_TROUBLE, SOURCE_UNFOLLOW, SOURCES, json_rows,
};
use serde_json::json;
use sqlx::Row;
use std::collections::BTreeMap;

/// A source as its reader names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceName<'a> {
    /// The host it is read on.
    pub host: &'a str,
    /// `maildir:/var/mail/bounces`, `imap:bounces@mail.example.jp/INBOX`, `pipe`, `maillog:/var/log/mail.log`, `journal`.
    pub name: &'a str,
    /// Bounces arrive there; otherwise it is a log.
    pub bounces: bool,
    /// A daemon reads it all the time.
    pub followed: bool,
}

/// What is known of a source. Times are epoch milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRow {
    /// The host it is read on.
    pub host: String,
    /// Its name there.
    pub name: String,
    /// Bounces arrive there; otherwise it is a log.
    pub bounces: bool,
    /// A daemon reads it all the time.
    pub followed: bool,
    /// Since when it is read.
    pub since: i64,
    /// Everything that had arrived by then is recorded.
    pub looked_at: Option<i64>,
    /// What is wrong with it, and since when.
    pub trouble: Option<(String, i64)>,
}

impl SourceRow {
    /// Whether it is read, whatever else is wrong with it: it was looked at since that began.
    pub fn is_read(&self) -> bool {
        self.trouble.as_ref().is_none_or(|trouble| self.looked_at.is_some_and(|looked_at| looked_at >= trouble.1))
    }
}

/// How many arrivals of one kind are in one state for one reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct ArrivalCount {
    /// bounce, `auto_reply`, complaint, other, log.
    pub kind: String,
    /// matched, parked, review, ignored, dismissed.
    pub state: String,
    /// The reason; empty when there is none.
    pub why: String,
    /// How many.
    pub count: i64,
}

macro_rules! arrival {
    ($row:expr) => {
        ArrivalRow {
            sha256: $row.get(0),
            at: $row.get(1),
            source: $row.get(2),
            kind: $row.get(3),
            state: $row.get(4),
            why: $row.get(5),
            member_id: $row.get(6),
            envelope_to: $row.get(7),
            sender: $row.get(8),
            subject: $row.get(9),
            size: $row.get(10),
            content: $row.get(11),
        }
    };
}

impl Store {
    /// A daemon starts to read exactly these sources on `host`. From then on a mail in doubt waits for them; the patience with
    /// one that could not be read before does not begin anew.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn follow_sources(&self, host: &str, names: &[SourceName<'_>], now: i64) -> Result<(), StoreError> {
        let row = |source: &SourceName<'_>| json!([source.host, source.name, i64::from(source.bounces)]);
        let rows = json_rows(names.iter().map(row));
        on_both_in_time!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            sqlx::query(SOURCE_UNFOLLOW.on(dialect)).bind(host).execute(&mut *tx).await?;
            let follow = sqlx::query(SOURCE_FOLLOW.on(dialect)).bind(&rows).bind(now);
            follow.execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
    }

    /// Everything that had arrived in a source by `at` is recorded; `trouble` is what is wrong with it all the same.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn source_looked(
        &self,
        source: SourceName<'_>,
        at: i64,
        trouble: Option<&str>,
    ) -> Result<(), StoreError> {
        let SourceName { host, name, bounces, followed } = source;
        on_both_in_time!(self, writer, |pool, dialect| {
            let looked = sqlx::query(SOURCE_LOOKED.on(dialect)).bind(host).bind(name).bind(bounces).bind(at);
            looked.bind(trouble).bind(followed).execute(pool).await?;
            Ok(())
        })
    }

    /// A source cannot be read.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn source_trouble(&self, source: SourceName<'_>, trouble: &str, at: i64) -> Result<(), StoreError> {
        let SourceName { host, name, bounces, .. } = source;
        on_both_in_time!(self, writer, |pool, dialect| {
            let say = sqlx::query(SOURCE_TROUBLE.on(dialect)).bind(host).bind(name).bind(bounces).bind(at);
            say.bind(trouble).bind(source.followed).execute(pool).await?;
            Ok(())
        })
    }

    /// Where a source that is read on from some place was left.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn source_position(&self, host: &str, name: &str) -> Result<Option<String>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let row = sqlx::query(SOURCE_POSITION.on(dialect)).bind(host).bind(name).fetch_optional(pool).await?;
            Ok(row.and_then(|row| row.get(0)))
        })
    }

    /// Remembers where a source was left.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn remember_position(&self, source: SourceName<'_>, position: &str, now: i64) -> Result<(), StoreError> {
        let SourceName { host, name, bounces, .. } = source;
        on_both_in_time!(self, writer, |pool, dialect| {
            let set = sqlx::query(SOURCE_REMEMBER.on(dialect)).bind(host).bind(name).bind(bounces).bind(now);
            set.bind(position).execute(pool).await?;
            Ok(())
        })
    }

    /// A source is gone, as with the machine that read it, or was a mistake: nothing waits for it, and its silence does not
    /// count. Returns whether there was one; then `actor` stands in the ledger. Should anybody read it again, that begins anew.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn forget_source(&self, host: &str, name: &str, actor: &str, now: i64) -> Result<bool, StoreError> {
        let body = serde_json::json!({ "host": host, "source": name }).to_string();
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let forget = sqlx::query(SOURCE_FORGET.on(dialect)).bind(host).bind(name);
            if forget.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind("forget_source");
            entry.bind(None::<String>).bind(&body).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    /// All sources that were ever read.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sources(&self) -> Result<Vec<SourceRow>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let rows = sqlx::query(SOURCES.on(dialect)).fetch_all(pool).await?;
            let trouble = |what: Option<String>, at: Option<i64>| Some((what?, at.unwrap_or_default()));
            Ok(rows
                .iter()
                .map(|row| SourceRow {
                    host: row.get(0),
                    name: row.get(1),
                    bounces: row.get(2),
                    followed: row.get(3),
                    since: row.get(4),
                    looked_at: row.get(5),
                    trouble: trouble(row.get(6), row.get(7)),
                })
                .collect())
        })
    }

    /// Up to `limit` arrivals in one state (`parked`, `review`), not older than `from`, oldest first, without their content.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn arrivals(&self, state: &str, from: i64, limit: i64) -> Result<Vec<ArrivalRow>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let query = sqlx::query(ARRIVALS_OPEN.on(dialect)).bind(state).bind(from).bind(limit);
            Ok(query.fetch_all(pool).await?.iter().map(|row| arrival!(row)).collect())
        })
    }

    /// One arrival, whole.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn arrival(&self, sha256: &str) -> Result<Option<ArrivalRow>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let row = sqlx::query(ARRIVAL.on(dialect)).bind(sha256).fetch_optional(pool).await?;
            Ok(row.map(|row| arrival!(row)))
        })
    }

    /// The hashes that begin with these letters; two at most.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn arrivals_like(&self, first: &str) -> Result<Vec<String>, StoreError> {
        let after = format!("{first}~");
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(ARRIVALS_LIKE.on(dialect)).bind(first).bind(&after);
            Ok(query.fetch_all(pool).await?.iter().map(|row| row.get(0)).collect())
        })
    }

    /// How many arrivals there are, by kind, state and reason, in that order.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn arrival_counts(&self) -> Result<Vec<ArrivalCount>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let rows = sqlx::query(ARRIVAL_COUNTS.on(dialect)).fetch_all(pool).await?;
            let mut counts: Vec<ArrivalCount> = rows
                .iter()
                .map(|row| ArrivalCount { kind: row.get(0), state: row.get(1), why: row.get(2), count: row.get(3) })
                .collect();
            counts.sort();
            Ok(counts)
        })
    }

    /// How many members of each notice were accepted by `until` and nothing came back.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn quiet(&self, until: i64) -> Result<BTreeMap<String, i64>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let rows = sqlx::query(QUIET.on(dialect)).bind(until).fetch_all(pool).await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }
}
