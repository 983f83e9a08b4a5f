//! The held rows under one hash, and their release: what a preflight looks at, an approval names and a release takes must be the same.

use crate::control::{ReleaseRecord, approval_body, policy_hash};
use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::rows::{MemberRow, member_row, member_text};
use crate::sql::{
    APPROVALS, LEDGER_APPEND, MEMBERS_PAGE, NOTICE_KEPT, NOTICE_RELEASE, OTHER_TEXT_WAITS, RELEASE_INSERT,
    RELEASE_MEMBERS,
};
use owabi_core::ids::hex;
use owabi_core::lifecycle::Status;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::Row;

/// Rows that are read together.
const PAGE: i64 = 1_000;

/// SHA-256 over rows in the order of their ids; every field is led by its length.
#[derive(Clone, Debug)]
pub struct RosterHash {
    hash: Sha256,
    rows: i64,
}

/// Hash and number of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Lower-case hexadecimal.
    pub hash: String,
    /// How many rows.
    pub rows: i64,
}

impl Default for RosterHash {
    fn default() -> Self {
        let mut roster = Self { hash: Sha256::new(), rows: 0 };
        roster.part(b"owabi roster 1");
        roster
    }
}

impl RosterHash {
    /// Adds the next row.
    pub fn add(&mut self, row: &MemberRow) {
        let member = &row.member;
        self.rows += 1;
        self.part(&row.id.to_be_bytes());
        let email = member.email.as_deref().unwrap_or_default();
        let unreadable = row.unreadable.as_ref().map_or("", |why| why.en.as_str());
        for text in [&member.member_no, &member.name, email, unreadable] {
            self.part(text.as_bytes());
        }
        self.count(member.cohorts.len());
        member.cohorts.iter().for_each(|cohort| self.part(cohort.as_bytes()));
        self.count(member.payments.len());
        for payment in &member.payments {
            for text in [&payment.paid_at, &payment.cohort, &payment.purpose, &payment.method] {
                self.part(text.as_bytes());
            }
        }
        self.count(member.fields.len());
        for (key, value) in &member.fields {
            self.part(key.as_bytes());
            self.part(value.as_bytes());
        }
    }

    fn part(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.hash.update(bytes);
    }

    fn count(&mut self, count: usize) {
        self.hash.update((count as u64).to_be_bytes());
    }

    /// The hash of all rows added.
    pub fn finish(self) -> Roster {
        Roster { hash: hex(&self.hash.finalize()), rows: self.rows }
    }
}

/// Reads the held rows of a notice page by page, over a pool or inside a transaction.
macro_rules! held_roster {
    ($on:expr, $dialect:ident, $notice_id:expr) => {{
        let (mut roster, mut after) = (RosterHash::default(), 0);
        loop {
            let query = sqlx::query(MEMBERS_PAGE.on($dialect)).bind($notice_id).bind(after);
            let rows = query.bind(Status::Held.as_str()).bind(PAGE).fetch_all($on).await?;
            for row in &rows {
                let row = member_row(member_text!(row, 0, 1), row.get(7), row.get(8))?;
                after = row.id;
                roster.add(&row);
            }
            if rows.is_empty() {
                break roster.finish();
            }
        }
    }};
}

impl Store {
    /// The rows of a notice that are held now.
    ///
    /// # Errors
    /// `Unavailable`, `Row`.
    pub async fn held_roster(&self, notice_id: &str) -> Result<Roster, StoreError> {
        on_both!(self, reader, |pool, dialect| Ok(held_roster!(pool, dialect, notice_id)))
    }

    /// Releases a notice: its held members become queued and due at once. Returns how many.
    ///
    /// Everything that speaks against it is looked at inside the transaction that releases.
    ///
    /// # Errors
    /// `Unavailable`; nothing is released with `NoticeState` when the notice is paused or withdrawn, `Purged`, `OtherTextWaits`
    /// when members still wait for another text, `RosterChanged` when other rows are held than were looked at,
    /// `ChangedMeanwhile` when somebody changes one of these rows or the notice in the middle of it.
    pub async fn release(&self, record: ReleaseRecord<'_>, actor: &str, now: i64) -> Result<u64, StoreError> {
        self.release_unchanged(record, actor, now).await.map_err(StoreError::or_changed)
    }

    async fn release_unchanged(&self, record: ReleaseRecord<'_>, actor: &str, now: i64) -> Result<u64, StoreError> {
        let ReleaseRecord { notice_id, fingerprint, roster_hash, definition, policy, rows } = record;
        let approval = approval_body(fingerprint, roster_hash, &policy_hash(policy));
        let policy: Value = serde_json::from_str(policy).unwrap_or_default();
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin_unchanging()).await?;
            let waiting = sqlx::query(OTHER_TEXT_WAITS.on(dialect)).bind(notice_id).bind(fingerprint);
            let waiting: i64 = waiting.fetch_one(&mut *tx).await?.get(0);
            if waiting > 0 {
                return Err(StoreError::OtherTextWaits { waiting });
            }
            let held = held_roster!(&mut *tx, dialect, notice_id);
            if (held.hash.as_str(), held.rows) != (roster_hash, rows) {
                return Err(StoreError::RosterChanged { looked_at: rows, held: held.rows });
            }
            let notice = sqlx::query(NOTICE_RELEASE.on(dialect)).bind(notice_id).bind(fingerprint).bind(roster_hash);
            if notice.bind(definition).bind(now).execute(&mut *tx).await?.rows_affected() == 0 {
                let kept = sqlx::query(NOTICE_KEPT.on(dialect)).bind(notice_id).fetch_optional(&mut *tx).await?;
                let purged_at: Option<i64> = kept.and_then(|row| row.get(1));
                return Err(if purged_at.is_some() { StoreError::Purged } else { StoreError::NoticeState });
            }
            let queued = sqlx::query(RELEASE_MEMBERS.on(dialect)).bind(notice_id).bind(now).execute(&mut *tx).await?;
            let queued = queued.rows_affected();
            let kept = sqlx::query(RELEASE_INSERT.on(dialect)).bind(notice_id).bind(now).bind(actor).bind(fingerprint);
            kept.bind(roster_hash).bind(rows).bind(definition).execute(&mut *tx).await?;
            let approved = sqlx::query(APPROVALS.on(dialect)).bind(notice_id).bind(fingerprint).bind(roster_hash);
            let approved = approved.bind(&approval).fetch_all(&mut *tx).await?;
            let approvers: Vec<String> = approved.iter().map(|row| row.get(0)).collect();
            let files = hex(&Sha256::digest(definition.as_bytes()));
            let body = json!({
                "queued": queued,
                "fingerprint": fingerprint,
                "roster_hash": roster_hash,
                "definition_sha256": files,
                "approvers": approvers,
                "approvals_required": policy.get("approvals_required"),
                "policy": policy,
            });
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind("release");
            entry.bind(notice_id).bind(body.to_string()).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(queued)
        })
    }
}
