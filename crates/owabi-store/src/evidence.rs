//! What an evidence bundle holds, read page by page in one snapshot.

use crate::error::StoreError;
use crate::open::Store;
use crate::sql::{
    Dialect, EVIDENCE_APPROVALS, EVIDENCE_BATCHES, EVIDENCE_CORRECTIONS, EVIDENCE_ENTRIES, EVIDENCE_INTENTS,
    EVIDENCE_MEMBERS, EVIDENCE_PLACES, EVIDENCE_PREFLIGHTS, EVIDENCE_RELEASES, EVIDENCE_RESENDS, EVIDENCE_SEALS,
    META_GET,
};
use crate::tx::{Tx, on_tx};
use owabi_core::ledger::{
    Attempt, AttemptBody, Body, Correction, Entry, Intent, REFERRING, Receipt, Resent, StoredSeal, Substitute,
};
use owabi_core::rebuild::{Corrected, Resent as Round};
use serde::{Deserialize, Serialize};
use sqlx::Row;

/// One state of the database, whatever is written meanwhile. Dropping it ends it.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) tx: Tx,
}

/// One member as the roster of a bundle has it. The JSON columns stand as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct RosterRow {
    pub id: i64,
    pub member_no: String,
    pub name: String,
    pub email: Option<String>,
    pub given_email: Option<String>,
    pub cohorts: String,
    pub payments: String,
    pub fields: String,
    pub batch: Option<String>,
    pub status: String,
    pub reason: Option<String>,
    pub round: i64,
    pub queued_at: Option<i64>,
    pub attempts: i64,
    pub possible_duplicate: bool,
}

/// What some members' mails were made of, in the order of their rows.
#[derive(Clone, Debug, Default)]
pub struct Pasts {
    /// Row, attempt, and what was about to leave.
    pub intents: Vec<(i64, i64, Intent)>,
    /// Row and resend.
    pub resends: Vec<(i64, Round)>,
    /// Row and correction.
    pub corrections: Vec<(i64, Corrected)>,
}

/// A release with the notice's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct ReleaseRow {
    pub at: i64,
    pub actor: String,
    pub fingerprint: String,
    pub roster_hash: String,
    pub members: i64,
    #[serde(skip)]
    pub definition: String,
}

/// An approval with what it was given to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct ApprovalRow {
    pub at: i64,
    pub actor: String,
    pub fingerprint: String,
    pub roster_hash: String,
}

/// A batch with its arithmetic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct BatchPaper {
    pub id: String,
    pub kind: String,
    pub actor: String,
    pub reason: Option<String>,
    pub selection: Option<String>,
    /// Personal: it may name a person.
    pub file_name: Option<String>,
    pub file_sha256: Option<String>,
    pub encoding: Option<String>,
    #[serde(flatten)]
    pub totals: crate::import::Totals,
    pub at: i64,
}

/// The entry of one row of `evidence_entries`, for either database's row type.
macro_rules! entry {
    ($row:expr) => {{
        let row = $row;
        let kind: String = row.get(3);
        let body = match kind.as_str() {
            told if !REFERRING.contains(&told) => Body::Told(row.get(7)),
            "attempt" if there(row.try_get(8))? => {
                Body::Attempt(Box::new(AttemptBody { attempt: attempt!(row), intent: intent!(row, 21) }))
            }
            "receipt" if there(row.try_get(31))? => Body::Receipt(Box::new(receipt!(row))),
            "correction" if there(row.try_get(49))? => Body::Correction(Box::new(correction!(row))),
            "substitute" if there(row.try_get(56))? => Body::Substitute(Box::new(substitute!(row))),
            "resent" if there(row.try_get(67))? => Body::Resent(Box::new(resent!(row))),
            _ => Body::Gone,
        };
        let (notice_id, member_id, number) = (row.get(4), row.get(5), row.get(6));
        Ok(Entry { seq: row.get(0), at: row.get(1), actor: row.get(2), kind, notice_id, member_id, number, body })
    }};
}

macro_rules! attempt {
    ($row:expr) => {
        Attempt {
            fence: $row.get(9),
            at: $row.get(10),
            outcome: $row.get(11),
            spent: $row.get(12),
            reason: $row.get(13),
            phase: $row.get(14),
            code: $row.get(15),
            enhanced: $row.get(16),
            reply: $row.get(17),
            queue_id: $row.get(18),
            tls: $row.get(19),
            duration_ms: $row.get(20),
        }
    };
}

macro_rules! intent {
    ($row:expr, $at:expr) => {
        if there($row.try_get($at))? {
            Some(Intent {
                fence: $row.get($at + 1),
                at: $row.get($at + 2),
                relay: $row.get($at + 3),
                rcpt_to: $row.get($at + 4),
                message_id: $row.get($at + 5),
                envid: $row.get($at + 6),
                mail_sha256: $row.get($at + 7),
                mail_bytes: $row.get($at + 8),
                possible_duplicate: $row.get($at + 9),
            })
        } else {
            None
        }
    };
}

macro_rules! receipt {
    ($row:expr) => {
        Receipt {
            member_id: $row.get(32),
            round: $row.get(33),
            number: $row.get(34),
            at: $row.get(35),
            reported_at: $row.get(36),
            source: $row.get(37),
            evidence: $row.get(38),
            part: $row.get(39),
            matched_by: $row.get(40),
            says: $row.get(41),
            recipient: $row.get(42),
            status: $row.get(43),
            reason: $row.get(44),
            detail: $row.get(45),
            queue_id: $row.get(46),
            status_before: $row.get(47),
            status_after: $row.get(48),
        }
    };
}

macro_rules! correction {
    ($row:expr) => {
        Correction {
            member_id: $row.get(50),
            at: $row.get(51),
            actor: $row.get(52),
            reason: $row.get(53),
            old_email: $row.get(54),
            new_email: $row.get(55),
        }
    };
}

macro_rules! substitute {
    ($row:expr) => {
        Substitute {
            notice_id: $row.get(57),
            member_id: $row.get(58),
            kind: $row.get(59),
            on_day: $row.get(60),
            until_day: $row.get(61),
            url: $row.get(62),
            note: $row.get(63),
            revokes: $row.get(64),
            actor: $row.get(65),
            at: $row.get(66),
        }
    };
}

macro_rules! resent {
    ($row:expr) => {
        Resent {
            batch_id: $row.get(68),
            at: $row.get(69),
            status_before: $row.get(70),
            reason_before: $row.get(71),
            tries_before: $row.get(72),
            fingerprint: $row.get(73),
        }
    };
}

/// Whether the row that an entry names was found.
fn there(key: Result<Option<i64>, sqlx::Error>) -> Result<bool, StoreError> {
    Ok(key?.is_some())
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
