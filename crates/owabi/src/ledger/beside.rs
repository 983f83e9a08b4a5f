//! What stands outside the ledger and must agree with it: approvals, releases, notices, imports.

use owabi_core::ids::hex;
use owabi_core::ledger::{Body, Entry};
use owabi_store::Beside;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Something outside that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// `approval`, `release`, `notice` or `import`.
    pub what: String,
    /// The notice.
    pub notice_id: String,
    /// Who, or the batch's id of an import.
    pub whose: String,
    /// When (epoch milliseconds).
    pub at: i64,
    /// The entry that says otherwise; `None` when no entry speaks of it.
    pub seq: Option<i64>,
}

/// An entry that tells of something outside.
#[derive(Clone, Debug)]
pub(super) struct Told {
    seq: i64,
    what: &'static str,
    notice_id: String,
    actor: String,
    at: i64,
    body: Value,
}

impl Told {
    /// What an entry tells; `None` when it is of another kind.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let what = match entry.kind.as_str() {
            "approve" => "approval",
            "release" => "release",
            "import" => "import",
            _ => return None,
        };
        let Body::Told(text) = &entry.body else { return None };
        let (notice_id, actor) = (entry.notice_id.clone().unwrap_or_default(), entry.actor.clone());
        Some(Self { seq: entry.seq, what, notice_id, actor, at: entry.at, body: serde_json::from_str(text).ok()? })
    }

    fn text(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it speaks of this row.
    fn speaks_of(&self, row: &Beside) -> bool {
        if self.what != row.what || self.notice_id != row.notice_id {
            return false;
        }
        match self.what {
            "import" => self.text("batch") == row.fingerprint,
            "release" => self.at == row.at && self.text("roster_hash") == row.hash,
            _ => {
                self.actor == row.actor
                    && self.text("fingerprint") == row.fingerprint
                    && self.text("roster_hash") == row.hash
            }
        }
    }

    /// Whether the row, of which it speaks, says the same.
    fn agrees(&self, row: &Beside) -> bool {
        match self.what {
            "import" => self.actor == row.actor && self.text("file_sha256") == row.hash && self.totals() == row.more,
            "release" => {
                let files = self.body.get("definition_sha256").and_then(Value::as_str);
                self.text("fingerprint") == row.fingerprint
                    && (self.actor == row.actor || row.actor == "unknown")
                    && files.is_none_or(|files| files == sha256(&row.more))
            }
            _ => true,
        }
    }

    /// The totals as the batch's row has them.
    fn totals(&self) -> String {
        let total = |key: &str| self.body["totals"][key].as_i64().unwrap_or_default().to_string();
        let keys = ["lines", "imported", "merged", "unreachable", "not_affected", "already_present", "refused"];
        keys.map(total).join(" ")
    }
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// The first row or entry that the other side does not agree with.
pub(super) fn first_mismatch(told: &[Told], rows: &[Beside]) -> Option<Mismatch> {
    let unsaid = rows.iter().find_map(|row| {
        let seq = if row.what == "notice" { notice_differs(told, rows, row)? } else { row_differs(told, row)? };
        let whose = if row.what == "import" { &row.fingerprint } else { &row.actor };
        let (what, notice_id, whose) = (row.what.clone(), row.notice_id.clone(), whose.clone());
        Some(Mismatch { what, notice_id, whose, at: row.at, seq })
    });
    unsaid.or_else(|| told.iter().find(|entry| !rows.iter().any(|row| entry.speaks_of(row))).map(gone))
}

/// `Some` when a row is wrong, with the entry that says otherwise.
fn row_differs(told: &[Told], row: &Beside) -> Option<Option<i64>> {
    let mut speaking = told.iter().filter(|entry| entry.speaks_of(row)).peekable();
    let first = speaking.peek().map(|entry| entry.seq);
    (!speaking.any(|entry| entry.agrees(row))).then_some(first)
}

/// A notice says what its last release says.
fn notice_differs(told: &[Told], rows: &[Beside], notice: &Beside) -> Option<Option<i64>> {
    let of_notice = |row: &&Beside| row.what == "release" && row.notice_id == notice.notice_id;
    let last = rows.iter().filter(of_notice).max_by_key(|row| row.at);
    let same =
        |row: &Beside| (&row.fingerprint, &row.hash, &row.more) == (&notice.fingerprint, &notice.hash, &notice.more);
    if last.is_some_and(|row| same(row)) {
        return None;
    }
    Some(told.iter().rev().find(|entry| entry.what == "release" && entry.notice_id == notice.notice_id).map(|e| e.seq))
}

/// An entry tells of a row that is not there.
fn gone(entry: &Told) -> Mismatch {
    let whose = if entry.what == "import" { entry.text("batch").to_owned() } else { entry.actor.clone() };
    let (what, notice_id) = (entry.what.to_owned(), entry.notice_id.clone());
    Mismatch { what, notice_id, whose, at: entry.at, seq: Some(entry.seq) }
}
