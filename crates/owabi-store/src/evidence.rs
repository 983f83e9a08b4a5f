//! What an evidence bundle holds, read page by page in one snapshot.

#[macro_use]
mod entry;
mod papers;

use crate::error::StoreError;
use crate::open::Store;
use crate::sql::{
    Dialect, EVIDENCE_APPROVALS, EVIDENCE_BATCHES, EVIDENCE_CORRECTIONS, EVIDENCE_ENTRIES, EVIDENCE_INTENTS,
    EVIDENCE_MEMBERS, EVIDENCE_PLACES, EVIDENCE_PREFLIGHTS, EVIDENCE_RELEASES, EVIDENCE_RESENDS, EVIDENCE_SEALS,
    META_GET,
};
use crate::tx::{Tx, on_tx};
use owabi_core::ledger::{Entry, StoredSeal};
use owabi_core::rebuild::{Corrected, Resent as Round};
pub use papers::{ApprovalRow, BatchPaper, Pasts, ReleaseRow, RosterRow};
use sqlx::Row;

/// One state of the database, whatever is written meanwhile. Dropping it ends it.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) tx: Tx,
}

impl Store {
    /// Begins to read one state of the database. What is written from now on does not show in it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut tx = self.begin_reading(Dialect::begin_snapshot).await?;
        // The first look decides which state it is.
        on_tx!(tx, |tx, dialect| {
            sqlx::query(META_GET.on(dialect)).bind("queue").fetch_optional(&mut **tx).await?;
        });
        Ok(Snapshot { tx })
    }
}

impl Snapshot {
    /// The next entries after `after`, in their order; `""`: of every kind, of every notice and of none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn entries(
        &mut self,
        after: i64,
        (kind, notice_id): (&str, &str),
        limit: i64,
    ) -> Result<Vec<Entry>, StoreError> {
        on_tx!(self.tx, |tx, dialect| {
            let query = sqlx::query(EVIDENCE_ENTRIES.on(dialect)).bind(after).bind(kind).bind(notice_id).bind(limit);
            query.fetch_all(&mut **tx).await?.iter().map(|row| entry!(row)).collect()
        })
    }

    /// The next seals after number `after`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn seals(&mut self, after: i64, limit: i64) -> Result<Vec<StoredSeal>, StoreError> {
        on_tx!(self.tx, |tx, dialect| {
            let query = sqlx::query(EVIDENCE_SEALS.on(dialect)).bind(after).bind(limit);
            let rows = query.fetch_all(&mut **tx).await?;
            let seal = |row: &_| StoredSeal {
                number: Row::get(row, 0),
                at: Row::get(row, 1),
                first_seq: Row::get(row, 2),
                last_seq: Row::get(row, 3),
                entries: Row::get(row, 4),
                text: Row::get(row, 5),
                signature: Row::get(row, 6),
            };
            Ok(rows.iter().map(seal).collect())
        })
    }

    /// The next members of a notice after row `after`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn roster(&mut self, notice_id: &str, after: i64, limit: i64) -> Result<Vec<RosterRow>, StoreError> {
        on_tx!(self.tx, |tx, dialect| {
            let query = sqlx::query(EVIDENCE_MEMBERS.on(dialect)).bind(notice_id).bind(after).bind(limit);
            let rows = query.fetch_all(&mut **tx).await?;
            let member = |row: &_| RosterRow {
                id: Row::get(row, 0),
                member_no: Row::get(row, 1),
                name: Row::get(row, 2),
                email: Row::get(row, 3),
                given_email: Row::get(row, 4),
                cohorts: Row::get(row, 5),
                payments: Row::get(row, 6),
                fields: Row::get(row, 7),
                batch: Row::get(row, 8),
                status: Row::get(row, 9),
                reason: Row::get(row, 10),
                round: Row::get(row, 11),
                queued_at: Row::get(row, 12),
                attempts: Row::get(row, 13),
                possible_duplicate: Row::get(row, 14),
            };
            Ok(rows.iter().map(member).collect())
        })
    }

    /// What the mails of the members in the rows `(after, to]` were made of.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn pasts(&mut self, notice_id: &str, (after, to): (i64, i64)) -> Result<Pasts, StoreError> {
        on_tx!(self.tx, |tx, dialect| {
            let mut pasts = Pasts::default();
            let query = sqlx::query(EVIDENCE_INTENTS.on(dialect)).bind(notice_id).bind(after).bind(to);
            for row in &query.fetch_all(&mut **tx).await? {
                let intent = intent!(row, 1);
                pasts.intents.extend(intent.map(|intent| (row.get(0), row.get(1), intent)));
            }
            let query = sqlx::query(EVIDENCE_RESENDS.on(dialect)).bind(notice_id).bind(after).bind(to);
            for row in &query.fetch_all(&mut **tx).await? {
                pasts.resends.push((row.get(0), Round { round: row.get(1), at: row.get(2), fingerprint: row.get(3) }));
            }
            let query = sqlx::query(EVIDENCE_CORRECTIONS.on(dialect)).bind(notice_id).bind(after).bind(to);
            for row in &query.fetch_all(&mut **tx).await? {
                let corrected = Corrected { at: row.get(1), old_email: row.get(2), new_email: row.get(3) };
                pasts.corrections.push((row.get(0), corrected));
            }
            Ok(pasts)
        })
    }

    /// The numbers of a member's attempts, each with the entry that tells of it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn places(&mut self, member_id: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        on_tx!(self.tx, |tx, dialect| {
            let rows = sqlx::query(EVIDENCE_PLACES.on(dialect)).bind(member_id).fetch_all(&mut **tx).await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }

    /// The releases of a notice, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn releases(&mut self, notice_id: &str) -> Result<Vec<ReleaseRow>, StoreError> {
        on_tx!(self.tx, |tx, dialect| {
            let rows = sqlx::query(EVIDENCE_RELEASES.on(dialect)).bind(notice_id).fetch_all(&mut **tx).await?;
            let release = |row: &_| ReleaseRow {
                at: Row::get(row, 0),
                actor: Row::get(row, 1),
                fingerprint: Row::get(row, 2),
                roster_hash: Row::get(row, 3),
                members: Row::get(row, 4),
                definition: Row::get(row, 5),
            };
            Ok(rows.iter().map(release).collect())
        })
    }

    /// The approvals of a notice, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn approvals(&mut self, notice_id: &str) -> Result<Vec<ApprovalRow>, StoreError> {
        on_tx!(self.tx, |tx, dialect| {
            let rows = sqlx::query(EVIDENCE_APPROVALS.on(dialect)).bind(notice_id).fetch_all(&mut **tx).await?;
            let approval = |row: &_| ApprovalRow {
                at: Row::get(row, 0),
                actor: Row::get(row, 1),
                fingerprint: Row::get(row, 2),
                roster_hash: Row::get(row, 3),
            };
            Ok(rows.iter().map(approval).collect())
        })
    }

    /// The preflights of a notice, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn preflights(&mut self, notice_id: &str) -> Result<Vec<crate::PreflightRow>, StoreError> {
        on_tx!(self.tx, |tx, dialect| {
            let rows = sqlx::query(EVIDENCE_PREFLIGHTS.on(dialect)).bind(notice_id).fetch_all(&mut **tx).await?;
            let preflight = |row: &_| crate::PreflightRow {
                at: Row::get(row, 0),
                actor: Row::get(row, 1),
                fingerprint: Row::get(row, 2),
                roster_hash: Row::get(row, 3),
                rows: Row::get(row, 4),
                problems: Row::get(row, 5),
            };
            Ok(rows.iter().map(preflight).collect())
        })
    }

    /// The batches of a notice, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn batches(&mut self, notice_id: &str) -> Result<Vec<BatchPaper>, StoreError> {
        on_tx!(self.tx, |tx, dialect| {
            let rows = sqlx::query(EVIDENCE_BATCHES.on(dialect)).bind(notice_id).fetch_all(&mut **tx).await?;
            let batch = |row: &_| BatchPaper {
                id: Row::get(row, 0),
                kind: Row::get(row, 1),
                actor: Row::get(row, 2),
                reason: Row::get(row, 3),
                selection: Row::get(row, 4),
                file_name: Row::get(row, 5),
                file_sha256: Row::get(row, 6),
                encoding: Row::get(row, 7),
                totals: crate::import::Totals {
                    lines: Row::get(row, 8),
                    imported: Row::get(row, 9),
                    merged: Row::get(row, 10),
                    unreachable: Row::get(row, 11),
                    not_affected: Row::get(row, 12),
                    already_present: Row::get(row, 13),
                    refused: Row::get(row, 14),
                },
                at: Row::get(row, 15),
            };
            Ok(rows.iter().map(batch).collect())
        })
    }
}
