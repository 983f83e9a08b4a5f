//! The counts of a report, each by one statement, all within one snapshot.

use super::{
    ApprovedRow, BatchRow, EventRow, MembersRow, PublicationRow, ReleasedRow, ResentRow, RestsOn, SealHead,
    SubstitutesRow, ToldRow,
};
use crate::control::{NoticeRow, policy_hash};
use crate::error::StoreError;
use crate::import::Totals;
use crate::rows::status;
use crate::sql::{
    BATCHES, REPORT_APPROVALS, REPORT_MEMBERS, REPORT_NOTICE, REPORT_PAUSES, REPORT_PUBLICATIONS, REPORT_RELEASES,
    REPORT_RESENDS, REPORT_SEAL, REPORT_SUBSTITUTES, REPORT_TOLD,
};
use crate::tx::{Tx, on_tx};
use serde_json::Value;
use sqlx::Row;

/// All rows of one statement, each made by one expression.
macro_rules! rows_of {
    ($tx:ident, $statement:ident($($argument:expr),*), |$row:ident| $made:expr) => {
        on_tx!(*$tx, |tx, dialect| {
            let found = sqlx::query($statement.on(dialect))$(.bind($argument))*.fetch_all(&mut **tx).await?;
            found.iter().map(|$row| Ok($made)).collect()
        })
    };
}

pub(super) async fn notice(tx: &mut Tx, id: &str) -> Result<Option<NoticeRow>, StoreError> {
    let found: Result<Vec<_>, StoreError> = rows_of!(tx, REPORT_NOTICE(id), |row| NoticeRow {
        id: row.get(0),
        title: row.get(1),
        state: row.get(2),
        state_reason: row.get(3),
        fingerprint: row.get(4),
        roster_hash: row.get(5),
        released_at: row.get(6),
        watched_from: row.get(7),
        canary_passed_at: row.get(8),
    });
    Ok(found?.pop())
}

pub(super) async fn batches(tx: &mut Tx, notice: &str) -> Result<Vec<BatchRow>, StoreError> {
    rows_of!(tx, BATCHES(notice), |row| BatchRow {
        id: row.get(0),
        kind: row.get(1),
        actor: row.get(2),
        reason: row.get(3),
        selection: row.get(4),
        file_name: row.get(5),
        file_sha256: row.get(6),
        totals: Totals {
            lines: row.get(7),
            imported: row.get(8),
            merged: row.get(9),
            unreachable: row.get(10),
            not_affected: row.get(11),
            already_present: row.get(12),
            refused: row.get(13),
        },
        at: row.get(14),
    })
}

pub(super) async fn members(tx: &mut Tx, notice: &str, accepted_by: i64) -> Result<Vec<MembersRow>, StoreError> {
    rows_of!(tx, REPORT_MEMBERS(notice, accepted_by), |row| MembersRow {
        batch_id: row.get(0),
        status: status(0, row.get(1))?,
        reason: row.get(2),
        possible_duplicate: row.get(3),
        quiet: row.get(4),
        count: row.get(5),
    })
}

pub(super) async fn told(tx: &mut Tx, notice: &str) -> Result<Vec<ToldRow>, StoreError> {
    rows_of!(tx, REPORT_TOLD(notice), |row| ToldRow {
        minute: row.get(0),
        count: row.get(1),
        first: row.get(2),
        last: row.get(3),
    })
}

pub(super) async fn releases(tx: &mut Tx, notice: &str) -> Result<Vec<ReleasedRow>, StoreError> {
    rows_of!(tx, REPORT_RELEASES(notice), |row| ReleasedRow {
        at: row.get(0),
        actor: row.get(1),
        fingerprint: row.get(2),
        roster_hash: row.get(3),
        members: row.get(4),
        rests_on: rests_on(row.get(5)),
    })
}

pub(super) async fn approvals(tx: &mut Tx, notice: &str) -> Result<Vec<ApprovedRow>, StoreError> {
    rows_of!(tx, REPORT_APPROVALS(notice), |row| approved(row.get(0), row.get(1), row.get(2)))
}

/// An approval as the ledger's entry tells of it. One of before the policy was named has no hash of it.
fn approved(at: i64, actor: String, body: &str) -> ApprovedRow {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    ApprovedRow {
        at,
        actor,
        fingerprint: text("fingerprint").unwrap_or_default(),
        roster_hash: text("roster_hash").unwrap_or_default(),
        policy_hash: text("policy_hash"),
    }
}

/// What the ledger's entry of a release says; one of before it named the approvers says nothing.
fn rests_on(body: Option<&str>) -> Option<RestsOn> {
    let body: Value = serde_json::from_str(body?).ok()?;
    let approvers = serde_json::from_value(body.get("approvers")?.clone()).ok()?;
    Some(RestsOn { approvers, policy_hash: policy_hash(&body.get("policy")?.to_string()) })
}

pub(super) async fn substitutes(tx: &mut Tx, notice: &str) -> Result<Vec<SubstitutesRow>, StoreError> {
    rows_of!(tx, REPORT_SUBSTITUTES(notice), |row| SubstitutesRow {
        status: status(0, row.get(0))?,
        kind: row.get(1),
        count: row.get(2),
    })
}

pub(super) async fn publications(tx: &mut Tx, notice: &str) -> Result<Vec<PublicationRow>, StoreError> {
    rows_of!(tx, REPORT_PUBLICATIONS(notice), |row| PublicationRow {
        url: row.get(0),
        on_day: row.get(1),
        until_day: row.get(2),
        actor: row.get(3),
        at: row.get(4),
    })
}

pub(super) async fn resent(tx: &mut Tx, notice: &str) -> Result<Vec<ResentRow>, StoreError> {
    rows_of!(tx, REPORT_RESENDS(notice), |row| {
        let word: &str = row.get(1);
        let status = if word == "resent" { None } else { Some(status(0, word)?) };
        ResentRow { batch_id: row.get(0), status, count: row.get(2) }
    })
}

pub(super) async fn events(tx: &mut Tx, notice: &str) -> Result<Vec<EventRow>, StoreError> {
    rows_of!(tx, REPORT_PAUSES(notice), |row| EventRow {
        at: row.get(0),
        actor: row.get(1),
        kind: row.get(2),
        body: row.get(3),
    })
}

pub(super) async fn seal(tx: &mut Tx) -> Result<Option<SealHead>, StoreError> {
    let found: Result<Vec<_>, StoreError> =
        rows_of!(tx, REPORT_SEAL(), |row| SealHead { number: row.get(0), at: row.get(1), text: row.get(2) });
    Ok(found?.pop())
}
