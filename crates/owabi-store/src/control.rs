//! Notices and who decided about them: preflight, approvals, pause, withdrawal, counts.

use crate::error::StoreError;
use crate::open::{Store, on_both, on_both_in_time};
use crate::rows::status;
use crate::sql::{
    APPROVAL_INSERT, APPROVALS, APPROVALS_VOID, COUNTS, LEDGER_APPEND, META_SET, NOTICE_STATE, NOTICE_UPSERT, NOTICES,
    PREFLIGHT_INSERT, PREFLIGHT_LATEST, WITHDRAW_MEMBERS,
};
use owabi_core::ids::hex;
use owabi_core::lifecycle::Status;
use sha2::{Digest, Sha256};
use sqlx::Row;
use std::collections::BTreeMap;

/// A notice as the database knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRow {
    /// The notice's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// `draft`, `released`, `paused` or `withdrawn`.
    pub state: String,
    /// Why it is paused or withdrawn.
    pub state_reason: Option<String>,
    /// The fingerprint of template and facts that was released.
    pub fingerprint: Option<String>,
    /// The hash of the roster that was released.
    pub roster_hash: Option<String>,
    /// When it was released.
    pub released_at: Option<i64>,
    /// From when failures count for its breaker.
    pub watched_from: Option<i64>,
    /// When its canary was found well, or a person went on after it was not.
    pub canary_passed_at: Option<i64>,
}

/// One preflight's result.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PreflightRow {
    /// When.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// Of template and facts.
    pub fingerprint: String,
    /// Of the rows that are held.
    pub roster_hash: String,
    /// Rows rendered.
    pub rows: i64,
    /// Rows with a problem.
    pub problems: i64,
}

/// One approval of exactly one text and roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub actor: String,
    /// When.
    pub at: i64,
}

/// An approval of something else than what is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoidApproval {
    /// Who.
    pub actor: String,
    /// It was of another text.
    pub other_text: bool,
    /// It was of another roster.
    pub other_roster: bool,
    /// It was of this text and roster, and of another policy.
    pub other_policy: bool,
}

/// What is released: exactly what was approved.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseRecord<'a> {
    /// The notice's id.
    pub notice_id: &'a str,
    /// Of template and facts.
    pub fingerprint: &'a str,
    /// Of the rows that are released.
    pub roster_hash: &'a str,
    /// The notice file and the templates, kept as released.
    pub definition: &'a str,
    /// The notice's policy, as JSON: the ledger's entry keeps it, and its [`policy_hash`] is what was approved.
    pub policy: &'a str,
    /// How many rows were looked at: a release of more or fewer does not happen.
    pub rows: i64,
}

/// The hash (lower-case hexadecimal) of a notice's policy, given as JSON.
pub fn policy_hash(policy: &str) -> String {
    hex(&Sha256::digest(policy.as_bytes()))
}

/// What the ledger says of an approval.
pub(crate) fn approval_body(fingerprint: &str, roster_hash: &str, policy_hash: &str) -> String {
    serde_json::json!({ "fingerprint": fingerprint, "policy_hash": policy_hash, "roster_hash": roster_hash })
        .to_string()
}

impl Store {
    /// Makes the notice known to the database, or renews its title.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn know_notice(&self, id: &str, title: &str, now: i64) -> Result<(), StoreError> {
        on_both!(self, writer, |pool, dialect| {
            sqlx::query(NOTICE_UPSERT.on(dialect)).bind(id).bind(title).bind(now).execute(pool).await?;
            Ok(())
        })
    }

    /// All notices that the database knows.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn notices(&self) -> Result<Vec<NoticeRow>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let rows = sqlx::query(NOTICES.on(dialect)).fetch_all(pool).await?;
            Ok(rows
                .iter()
                .map(|row| NoticeRow {
                    id: row.get(0),
                    title: row.get(1),
                    state: row.get(2),
                    state_reason: row.get(3),
                    fingerprint: row.get(4),
                    roster_hash: row.get(5),
                    released_at: row.get(6),
                    watched_from: row.get(7),
                    canary_passed_at: row.get(8),
                })
                .collect())
        })
    }

    /// One notice.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn notice(&self, id: &str) -> Result<Option<NoticeRow>, StoreError> {
        Ok(self.notices().await?.into_iter().find(|notice| notice.id == id))
    }

    /// How many members of each notice are in which status.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn counts(&self) -> Result<BTreeMap<String, BTreeMap<Status, i64>>, StoreError> {
        on_both_in_time!(self, reader, |pool, dialect| {
            let mut counts: BTreeMap<String, BTreeMap<Status, i64>> = BTreeMap::new();
            for row in sqlx::query(COUNTS.on(dialect)).fetch_all(pool).await? {
                let of_notice = counts.entry(row.get(0)).or_default();
                of_notice.insert(status(0, row.get(1))?, row.get(2));
            }
            Ok(counts)
        })
    }

    /// Records a preflight's result.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn record_preflight(&self, notice_id: &str, row: &PreflightRow) -> Result<(), StoreError> {
        let body = serde_json::json!({ "rows": row.rows, "problems": row.problems, "fingerprint": row.fingerprint, "roster_hash": row.roster_hash }).to_string();
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let insert = sqlx::query(PREFLIGHT_INSERT.on(dialect)).bind(notice_id).bind(row.at).bind(&row.actor);
            let insert = insert.bind(&row.fingerprint).bind(&row.roster_hash).bind(row.rows).bind(row.problems);
            insert.execute(&mut *tx).await?;
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(row.at).bind(&row.actor).bind("preflight");
            entry.bind(notice_id).bind(&body).execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
    }

    /// The newest preflight of a notice.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn latest_preflight(&self, notice_id: &str) -> Result<Option<PreflightRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let row = sqlx::query(PREFLIGHT_LATEST.on(dialect)).bind(notice_id).fetch_optional(pool).await?;
            Ok(row.map(|row| PreflightRow {
                at: row.get(0),
                actor: row.get(1),
                fingerprint: row.get(2),
                roster_hash: row.get(3),
                rows: row.get(4),
                problems: row.get(5),
            }))
        })
    }

    /// Records one person's approval of exactly this text, roster and policy. A second one of the same person counts once.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn approve(
        &self,
        notice_id: &str,
        actor: &str,
        fingerprint: &str,
        roster_hash: &str,
        policy_hash: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        let body = approval_body(fingerprint, roster_hash, policy_hash);
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let insert = sqlx::query(APPROVAL_INSERT.on(dialect)).bind(notice_id).bind(now).bind(actor);
            insert.bind(fingerprint).bind(roster_hash).execute(&mut *tx).await?;
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind("approve");
            entry.bind(notice_id).bind(&body).execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
    }

    /// Who approved exactly this text, roster and policy, as the ledger says, too.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn approvals(
        &self,
        notice_id: &str,
        fingerprint: &str,
        roster_hash: &str,
        policy_hash: &str,
    ) -> Result<Vec<Approval>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(APPROVALS.on(dialect)).bind(notice_id).bind(fingerprint).bind(roster_hash);
            let rows = query.bind(approval_body(fingerprint, roster_hash, policy_hash)).fetch_all(pool).await?;
            Ok(rows.iter().map(|row| Approval { actor: row.get(0), at: row.get(1) }).collect())
        })
    }

    /// Who approved another text, roster or policy than this since the last release: changes have taken those approvals away.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn void_approvals(
        &self,
        notice_id: &str,
        fingerprint: &str,
        roster_hash: &str,
        policy_hash: &str,
    ) -> Result<Vec<VoidApproval>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(APPROVALS_VOID.on(dialect)).bind(notice_id).bind(fingerprint).bind(roster_hash);
            let rows = query.bind(approval_body(fingerprint, roster_hash, policy_hash)).fetch_all(pool).await?;
            let void = rows.iter();
            Ok(void
                .map(|row| VoidApproval {
                    actor: row.get(0),
                    other_text: row.get(1),
                    other_roster: row.get(2),
                    other_policy: row.get(3),
                })
                .collect())
        })
    }

    /// Sets the state (`released`, `paused`, `withdrawn`) of a notice that is in one of the states `from`, with its
    /// reason. Returns whether it was. `released` is a resumption: the breaker counts from `now` on.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn set_state(
        &self,
        notice_id: &str,
        (from, to): (&[&str], &str),
        reason: Option<&str>,
        actor: &str,
        now: i64,
    ) -> Result<bool, StoreError> {
        let body = serde_json::json!({ "reason": reason }).to_string();
        let from = serde_json::json!(from.iter().map(|state| [state]).collect::<Vec<_>>()).to_string();
        on_both_in_time!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let update = sqlx::query(NOTICE_STATE.on(dialect)).bind(notice_id).bind(to).bind(reason).bind(now);
            if update.bind(&from).execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind(to);
            entry.bind(notice_id).bind(&body).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(true)
        })
    }

    /// Takes all members that are still held or queued out of a notice. Returns how many.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn withdraw_open(&self, notice_id: &str, reason: &str, actor: &str, now: i64) -> Result<u64, StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_unhurried()).await?;
            let update = sqlx::query(WITHDRAW_MEMBERS.on(dialect)).bind(notice_id).bind(reason).bind(now);
            let taken_out = update.execute(&mut *tx).await?.rows_affected();
            let body = serde_json::json!({ "reason": reason, "members": taken_out }).to_string();
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind("withdraw_members");
            entry.bind(notice_id).bind(&body).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(taken_out)
        })
    }

    /// Sets a value of the installation together with the ledger's entry (when, who, which kind) that tells of it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn note_with_entry(
        &self,
        (key, value): (&str, &str),
        (at, actor, kind): (i64, &str, &str),
        body: &serde_json::Value,
    ) -> Result<(), StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            sqlx::query(META_SET.on(dialect)).bind(key).bind(value).execute(&mut *tx).await?;
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(at).bind(actor).bind(kind);
            entry.bind(None::<String>).bind(body.to_string()).execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
    }

    /// Appends an entry of its own to the ledger.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn append_ledger(
        &self,
        at: i64,
        actor: &str,
        kind: &str,
        notice_id: Option<&str>,
        body: &serde_json::Value,
    ) -> Result<(), StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(at).bind(actor).bind(kind);
            entry.bind(notice_id).bind(body.to_string()).execute(pool).await?;
            Ok(())
        })
    }
}
