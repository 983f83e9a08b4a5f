//! What stops a released notice by itself: its first mails, and failures; and the newest seal, for the daily report.
//!
//! The members of a canary are listed in the database (`meta`, key `canary:<notice>`), so that any number of daemons and
//! restarts send to exactly these until they are judged.

use crate::dispatch::{Claimed, claimed};
use crate::error::StoreError;
use crate::open::{Store, on_both_in_time};
use crate::sql::{
    CANARY_DUE, CANARY_PASS, CANARY_ROWS, CLAIM, CLAIM_LISTED, LEDGER_APPEND, META_FIRST, META_GET, META_LOCK,
    META_SET, NOTICE_STATE, WATCHED_FAILED, WATCHED_KNOWN, json_rows,
};
use owabi_core::watch::Outcomes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;

/// Which rows a canary claim may take, and until when. Times are epoch milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct CanaryClaim<'a> {
    /// The notice's id.
    pub notice_id: &'a str,
    /// The fingerprint of the released text: another text has another canary.
    pub text: &'a str,
    /// How many members the canary has at the most.
    pub size: i64,
    /// What is due by now.
    pub now: i64,
    /// How long the claim holds (milliseconds).
    pub lease_ms: i64,
    /// Fresh rows to take now, at the most.
    pub limit: i64,
}

/// The members of a canary, as `meta` holds them.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Listed {
    text: String,
    members: Vec<i64>,
}

impl Listed {
    /// What is listed for this very text.
    fn read(stored: Option<&str>, text: &str) -> Self {
        let listed = stored.and_then(|stored| serde_json::from_str(stored).ok());
        listed.filter(|listed: &Self| listed.text == text).unwrap_or(Self { text: text.to_owned(), members: vec![] })
    }

    fn rows(&self) -> String {
        json_rows(self.members.iter().map(|id| json!([id])))
    }

    fn stored(&self) -> String {
        json!(self).to_string()
    }
}

fn listed_under(notice_id: &str) -> String {
    format!("canary:{notice_id}")
}

/// Sorts rows of (id, where it stands) into counts, and gives the ids of those who are sent to.
macro_rules! standing {
    ($rows:expr) => {{
        let (mut outcomes, mut members) = (Outcomes::default(), Vec::new());
        for row in &$rows {
            match row.get::<&str, _>(1) {
                "good" => outcomes.good += 1,
                "failed" => outcomes.failed += 1,
                "waiting" => outcomes.waiting += 1,
                _ => continue,
            }
            members.push(row.get::<i64, _>(0));
        }
        (outcomes, members)
    }};
}

impl Store {
    /// Claims rows of a released notice whose canary was not judged yet: those of the canary that are due again, and fresh
    /// ones until it has its size. Daemons take turns, so no more than `size` members are ever in it. Who was withdrawn
    /// meanwhile leaves a place.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn claim_canary(&self, of: CanaryClaim<'_>) -> Result<Vec<Claimed>, StoreError> {
        let CanaryClaim { notice_id, text, size, now, lease_ms, limit } = of;
        let key = listed_under(notice_id);
        on_both_in_time!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_brief()).await?;
            sqlx::query(META_FIRST.on(dialect)).bind(&key).bind("{}").execute(&mut *tx).await?;
            let stored: String = sqlx::query(META_LOCK.on(dialect)).bind(&key).fetch_one(&mut *tx).await?.get(0);
            let mut listed = Listed::read(Some(&stored), text);
            let rows = sqlx::query(CANARY_ROWS.on(dialect)).bind(listed.rows()).fetch_all(&mut *tx).await?;
            listed.members = standing!(rows).1;
            let again = sqlx::query(CLAIM_LISTED.on(dialect)).bind(now).bind(notice_id).bind(lease_ms);
            let again = again.bind(listed.rows()).fetch_all(&mut *tx).await?;
            let mut taken = claimed!(again, now);
            let left = size.saturating_sub(i64::try_from(listed.members.len()).unwrap_or(i64::MAX)).min(limit);
            if left > 0 {
                let fresh = sqlx::query(CLAIM.on(dialect)).bind(now).bind(notice_id).bind(lease_ms).bind(left);
                taken.extend(claimed!(fresh.fetch_all(&mut *tx).await?, now));
            }
            listed.members.extend(taken.iter().map(|row| row.id));
            listed.members.sort_unstable();
            listed.members.dedup();
            if listed.stored() != stored {
                sqlx::query(META_SET.on(dialect)).bind(&key).bind(listed.stored()).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(taken)
        })
    }

    /// What became so far of the canary of this text.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn canary_outcomes(&self, notice_id: &str, text: &str) -> Result<Outcomes, StoreError> {
        let key = listed_under(notice_id);
        on_both_in_time!(self, reader, |pool, dialect| {
            let stored = sqlx::query(META_GET.on(dialect)).bind(&key).fetch_optional(pool).await?;
            let stored: Option<String> = stored.map(|row| row.get(0));
            let listed = Listed::read(stored.as_deref(), text);
            let rows = sqlx::query(CANARY_ROWS.on(dialect)).bind(listed.rows()).fetch_all(pool).await?;
            Ok(standing!(rows).0)
        })
    }

    /// When the next member of the canary of this text is due again; `None` when none is.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn canary_due(&self, notice_id: &str, text: &str) -> Result<Option<i64>, StoreError> {
        let key = listed_under(notice_id);
        on_both_in_time!(self, reader, |pool, dialect| {
            let stored = sqlx::query(META_GET.on(dialect)).bind(&key).fetch_optional(pool).await?;
            let stored: Option<String> = stored.map(|row| row.get(0));
            let listed = Listed::read(stored.as_deref(), text);
            Ok(sqlx::query(CANARY_DUE.on(dialect)).bind(listed.rows()).fetch_one(pool).await?.get(0))
        })
    }

    /// The canary of this text is well: everybody else is due. With its ledger entry `canary_passed`. False when somebody
    /// else said so before, or the notice is not released any more.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn pass_canary(
        &self,
        notice_id: &str,
        text: &str,
        outcomes: Outcomes,
        now: i64,
    ) -> Result<bool, StoreError> {
        let body = numbers(outcomes).to_string();
        on_both_in_time!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let pass = sqlx::query(CANARY_PASS.on(dialect)).bind(notice_id).bind(now).bind(text);
            if pass.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind("owabi").bind("canary_passed");
            entry.bind(notice_id).bind(&body).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    /// Pauses a released notice whose canary (of this text) failed, or whose breaker tripped (`text` is `None`), in owabi's own name and with the
    /// numbers in the ledger entry `paused`. False when it was not released any more: somebody else was first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn trip(
        &self,
        notice_id: &str,
        text: Option<&str>,
        (reason, outcomes): (&str, Outcomes),
        now: i64,
    ) -> Result<bool, StoreError> {
        let mut body = numbers(outcomes);
        body["reason"] = json!(reason);
        let (failed_under, body) = (format!("canary_failed:{notice_id}"), body.to_string());
        on_both_in_time!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let pause = sqlx::query(NOTICE_STATE.on(dialect)).bind(notice_id).bind("paused").bind(reason).bind(now);
            if pause.bind(r#"[["released"]]"#).execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            if let Some(text) = text {
                sqlx::query(META_SET.on(dialect)).bind(&failed_under).bind(text).execute(&mut *tx).await?;
            }
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind("owabi").bind("paused");
            entry.bind(notice_id).bind(&body).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    /// How many mails of a notice that left since `from` (epoch milliseconds) failed or bounced, by no fault of a relay.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn failed_since(&self, notice_id: &str, from: i64) -> Result<i64, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let count = sqlx::query(WATCHED_FAILED.on(dialect)).bind(notice_id).bind(from);
            Ok(count.fetch_one(pool).await?.get(0))
        })
    }

    /// How many mails of a notice that left since `from` (epoch milliseconds) have an outcome. It reads the whole notice.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn known_since(&self, notice_id: &str, from: i64) -> Result<i64, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let count = sqlx::query(WATCHED_KNOWN.on(dialect)).bind(notice_id).bind(from);
            Ok(count.fetch_one(pool).await?.get(0))
        })
    }
}

fn numbers(outcomes: Outcomes) -> Value {
    json!({ "good": outcomes.good, "failed": outcomes.failed, "waiting": outcomes.waiting })
}
