//! One import is one transaction: no half import is ever visible.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::rows::{member_text, status};
use crate::sql::{
    BATCH_BY_FILE, BATCH_INSERT, BATCH_TOTALS, Dialect, FINDINGS_INSERT, INSERT_MEMBERS, KNOWN_MEMBERS, LEDGER_APPEND,
    MERGE_MEMBERS, NOTICE_KEPT, NOTICE_KNOWN, NOTICE_UPSERT, SHARED_ADDRESSES, TAKE_IN_MEMBERS, json_rows,
};
use crate::tx::{Tx, on_tx};
use owabi_core::lifecycle::Status;
use owabi_core::member::Member;
use serde::Serialize;
use serde_json::json;
use sqlx::Row;

/// The arithmetic of one import: `lines` is the sum of all the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Totals {
    /// Roster lines read, the header not counted.
    pub lines: i64,
    /// New members with a usable address.
    pub imported: i64,
    /// Further lines of a member that add to its notice, or repeat it.
    pub merged: i64,
    /// New members whom mail cannot reach.
    pub unreachable: i64,
    /// Lines that the cohorts' rules leave out.
    pub not_affected: i64,
    /// Members of an earlier import with nothing new.
    pub already_present: i64,
    /// Lines that could not be read.
    pub refused: i64,
}

impl Totals {
    /// Every line ended somewhere.
    pub fn add_up(&self) -> bool {
        let parts =
            [self.imported, self.merged, self.unreachable, self.not_affected, self.already_present, self.refused];
        self.lines == parts.iter().sum::<i64>()
    }
}

/// Who imports what.
#[derive(Clone, Debug)]
pub struct BatchRecord {
    /// A UUID (version 7).
    pub id: String,
    /// The notice.
    pub notice_id: String,
    /// Its title: the import makes the notice known.
    pub notice_title: String,
    /// Who.
    pub actor: String,
    /// The file's name, without its folder.
    pub file_name: String,
    /// Lower-case hexadecimal SHA-256 of the file.
    pub file_sha256: String,
    /// The encoding that was used.
    pub encoding: String,
    /// When.
    pub at: i64,
}

/// A member that is new to the notice.
#[derive(Clone, Debug)]
pub struct NewRow {
    /// The member.
    pub member: Member,
    /// The address as the roster gives it.
    pub given_email: String,
    /// Why mail cannot reach the member; `None`: held for release.
    pub unreachable: Option<String>,
}

/// A member that the notice already has.
#[derive(Clone, Debug)]
pub struct KnownRow {
    /// The row's id.
    pub id: i64,
    /// The member as stored.
    pub member: Member,
    /// The delivery's status.
    pub status: Status,
    /// It came with this same import.
    pub same_import: bool,
    /// It was in no roster that was released, so no mail to it was ever due; nor was it told in another way.
    pub never_released: bool,
}

/// A known member with what a further line added.
#[derive(Clone, Debug)]
pub struct MergedRow {
    /// The row's id.
    pub id: i64,
    /// The member as it is now.
    pub member: Member,
    /// The address as the roster gives it, when it was taken from the further line.
    pub given_email: Option<String>,
    /// Why mail cannot reach the member; `None`: held for release.
    pub unreachable: Option<String>,
}

/// Something about a line that a person should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line in the file, from 1; the header is line 1.
    pub line: i64,
    /// One word: `refused`, `name_differs`, `typo`, …
    pub kind: String,
    /// The member, if the line names one.
    pub member_no: Option<String>,
    /// What was found.
    pub detail: String,
}

/// Nothing comes to a notice whose personal data went.
macro_rules! refuse_purged {
    ($tx:expr, $dialect:expr, $notice_id:expr) => {
        let kept = sqlx::query(NOTICE_KEPT.on($dialect)).bind($notice_id).fetch_optional(&mut **$tx).await?;
        if kept.and_then(|row| row.get::<Option<i64>, _>(1)).is_some() {
            return Err(StoreError::Purged);
        }
    };
}

/// An import that is under way. Dropping it leaves the database as it was.
#[derive(Debug)]
pub struct Import {
    tx: Tx,
    batch: BatchRecord,
    taken_in: usize,
}

impl Store {
    /// Begins an import. Two of one notice wait for each other.
    ///
    /// # Errors
    /// `Unavailable`, `Purged`.
    pub async fn begin_import(&self, batch: BatchRecord) -> Result<Import, StoreError> {
        let mut tx = self.begin(Dialect::begin_unhurried).await?;
        if let Tx::Postgres(tx) = &mut tx {
            // Not the notice's row: `pause` and every release would wait for it, too.
            let alone = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('owabi import ' || $1, 0))");
            alone.bind(&batch.notice_id).execute(&mut **tx).await?;
        }
        let mut import = Import { tx, batch, taken_in: 0 };
        import.insert_batch().await?;
        Ok(import)
    }

    /// The batch that imported this very file before.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn batch_of_file(&self, notice_id: &str, sha256: &str) -> Result<Option<String>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(BATCH_BY_FILE.on(dialect)).bind(notice_id).bind(sha256);
            Ok(query.fetch_optional(pool).await?.map(|row| row.get(0)))
        })
    }
}

impl Import {
    async fn insert_batch(&mut self) -> Result<(), StoreError> {
        let batch = self.batch.clone();
        on_tx!(self.tx, |tx, dialect| {
            let notice = sqlx::query(NOTICE_KNOWN.on(dialect)).bind(&batch.notice_id).bind(&batch.notice_title);
            notice.bind(batch.at).execute(&mut **tx).await?;
            refuse_purged!(tx, dialect, &batch.notice_id);
            let insert = sqlx::query(BATCH_INSERT.on(dialect)).bind(&batch.id).bind(&batch.notice_id).bind("import");
            let insert = insert.bind(&batch.actor).bind(None::<String>).bind(None::<String>).bind(&batch.file_name);
            let insert = insert.bind(&batch.file_sha256).bind(&batch.encoding).bind(batch.at);
            insert.execute(&mut **tx).await?;
        });
        Ok(())
    }

    /// Which of these members the notice already has.
    ///
    /// # Errors
    /// `Unavailable`, `Row`.
    pub async fn known(&mut self, member_nos: &[&str]) -> Result<Vec<KnownRow>, StoreError> {
        let wanted = json!(member_nos.iter().map(|no| [no]).collect::<Vec<_>>()).to_string();
        let (notice_id, batch_id) = (self.batch.notice_id.clone(), self.batch.id.clone());
        on_tx!(self.tx, |tx, dialect| {
            let query = sqlx::query(KNOWN_MEMBERS.on(dialect)).bind(&notice_id).bind(&wanted);
            let rows = query.fetch_all(&mut **tx).await?;
            rows.iter()
                .map(|row| {
                    let text = member_text!(row, 0, 1);
                    let id = text.id;
                    let same_import = row.get::<Option<String>, _>(8).as_deref() == Some(batch_id.as_str());
                    let told = row.get::<i64, _>(10) == 1;
                    let never_released = row.get::<Option<i64>, _>(9).is_none() && !told;
                    let status = status(id, row.get(7))?;
                    Ok(KnownRow { id, member: text.read()?, status, same_import, never_released })
                })
                .collect()
        })
    }

    /// Adds new members and renews merged ones.
    ///
    /// # Errors
    /// `Unavailable`, `Refused`; `ChangedMeanwhile` when somebody added one of the new ones, or released one of the merged
    /// ones: the import can only be dropped.
    pub async fn write(&mut self, new: &[NewRow], merged: &[MergedRow]) -> Result<(), StoreError> {
        let new_rows = json_rows(new.iter().map(new_row));
        let merged_rows = json_rows(merged.iter().map(merged_row));
        let batch = self.batch.clone();
        on_tx!(self.tx, |tx, dialect| {
            if !new.is_empty() {
                let insert = sqlx::query(INSERT_MEMBERS.on(dialect)).bind(&new_rows).bind(&batch.notice_id);
                let inserted = insert.bind(&batch.id).bind(batch.at).execute(&mut **tx).await;
                inserted.map_err(|error| StoreError::from(error).or_there_already())?;
            }
            if !merged.is_empty() {
                let merge = sqlx::query(MERGE_MEMBERS.on(dialect)).bind(&merged_rows).bind(batch.at);
                if merge.execute(&mut **tx).await?.rows_affected() < merged.len() as u64 {
                    return Err(StoreError::ChangedMeanwhile);
                }
            }
        });
        Ok(())
    }

    /// Holds again, as these rows have them, members who were withdrawn and never released. The import's ledger entry says how many,
    /// and each of them has an entry for the change of its status.
    ///
    /// # Errors
    /// `Unavailable`, `Refused`; `ChangedMeanwhile` when one of them is not withdrawn any more, or was released: the import can only
    /// be dropped.
    pub async fn take_in(&mut self, rows: &[MergedRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.taken_in += rows.len();
        let (taken_in, at) = (json_rows(rows.iter().map(merged_row)), self.batch.at);
        on_tx!(self.tx, |tx, dialect| {
            let update = sqlx::query(TAKE_IN_MEMBERS.on(dialect)).bind(&taken_in).bind(at);
            if update.execute(&mut **tx).await?.rows_affected() < rows.len() as u64 {
                return Err(StoreError::ChangedMeanwhile);
            }
        });
        Ok(())
    }

    /// Records what was noticed.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn note(&mut self, findings: &[Finding]) -> Result<(), StoreError> {
        if findings.is_empty() {
            return Ok(());
        }
        let row = |f: &Finding| json!([f.line, f.kind, f.member_no, f.detail]);
        let rows = json_rows(findings.iter().map(row));
        let batch_id = self.batch.id.clone();
        on_tx!(self.tx, |tx, dialect| {
            sqlx::query(FINDINGS_INSERT.on(dialect)).bind(&rows).bind(&batch_id).execute(&mut **tx).await?;
        });
        Ok(())
    }

    /// How many addresses more than one member of the notice shares. Each of them gets their own mail.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn shared_addresses(&mut self) -> Result<i64, StoreError> {
        let notice_id = self.batch.notice_id.clone();
        on_tx!(self.tx, |tx, dialect| {
            Ok(sqlx::query(SHARED_ADDRESSES.on(dialect)).bind(&notice_id).fetch_one(&mut **tx).await?.get(0))
        })
    }

    /// Commits the import with its totals and its ledger entry.
    ///
    /// # Errors
    /// `Unavailable`, `Purged`: nothing was imported.
    pub async fn commit(mut self, totals: Totals) -> Result<(), StoreError> {
        let batch = self.batch.clone();
        let mut body = json!({ "batch": batch.id, "file_sha256": batch.file_sha256, "totals": totals });
        if self.taken_in > 0 {
            body["taken_in"] = self.taken_in.into();
        }
        let body = body.to_string();
        on_tx!(self.tx, |tx, dialect| {
            let update = sqlx::query(BATCH_TOTALS.on(dialect)).bind(&batch.id).bind(totals.lines).bind(totals.imported);
            let update = update.bind(totals.merged).bind(totals.unreachable).bind(totals.not_affected);
            update.bind(totals.already_present).bind(totals.refused).execute(&mut **tx).await?;
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(batch.at).bind(&batch.actor).bind("import");
            entry.bind(&batch.notice_id).bind(&body).execute(&mut **tx).await?;
            let renewed = sqlx::query(NOTICE_UPSERT.on(dialect)).bind(&batch.notice_id).bind(&batch.notice_title);
            renewed.bind(batch.at).execute(&mut **tx).await?;
            // A purge that began meanwhile waits for nobody; one that begins now waits for the row that was just renewed.
            refuse_purged!(tx, dialect, &batch.notice_id);
        });
        self.tx.commit().await
    }

    /// Leaves the database as it was.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        self.tx.roll_back().await
    }
}

/// The status of a member that is not released yet.
fn open_status(unreachable: Option<&String>) -> &'static str {
    unreachable.map_or(Status::Held, |_| Status::Unreachable).as_str()
}

fn new_row(row: &NewRow) -> serde_json::Value {
    columns(&row.member.member_no, &row.member, &row.given_email, row.unreachable.as_ref())
}

fn merged_row(row: &MergedRow) -> serde_json::Value {
    columns(&row.id, &row.member, &row.given_email, row.unreachable.as_ref())
}

/// What a roster says of a member, behind the `key` that names the row.
fn columns(
    key: &impl Serialize,
    member: &Member,
    given_email: &impl Serialize,
    unreachable: Option<&String>,
) -> serde_json::Value {
    json!([
        key,
        member.name,
        member.email,
        given_email,
        json!(member.cohorts).to_string(),
        json!(member.payments).to_string(),
        json!(member.fields).to_string(),
        open_status(unreachable),
        unreachable
    ])
}
