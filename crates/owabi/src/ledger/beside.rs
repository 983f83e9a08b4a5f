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
    let wrong = rows.iter().find(|row| match row.what.as_str() {
        "notice" => notice_differs(rows, row),
        _ => !told.iter().any(|entry| entry.speaks_of(row) && entry.agrees(row)),
    });
    let gone = || told.iter().find(|entry| !rows.iter().any(|row| entry.speaks_of(row))).map(gone);
    wrong.map(|row| mismatch(told, row)).or_else(gone)
}

/// A notice says what its last release says.
fn notice_differs(rows: &[Beside], notice: &Beside) -> bool {
    let of_notice = |row: &&Beside| row.what == "release" && row.notice_id == notice.notice_id;
    let says = |row: &Beside| (row.fingerprint.clone(), row.hash.clone(), row.more.clone());
    rows.iter().filter(of_notice).max_by_key(|row| row.at).is_none_or(|last| says(last) != says(notice))
}

/// A row that is wrong, with the entry that says otherwise.
fn mismatch(told: &[Told], row: &Beside) -> Mismatch {
    let last_release = |entry: &&Told| entry.what == "release" && entry.notice_id == row.notice_id;
    let seq = match row.what.as_str() {
        "notice" => told.iter().rev().find(last_release),
        _ => told.iter().find(|entry| entry.speaks_of(row)),
    };
    let whose = if row.what == "import" { &row.fingerprint } else { &row.actor };
    let (what, notice_id, whose) = (row.what.clone(), row.notice_id.clone(), whose.clone());
    Mismatch { what, notice_id, whose, at: row.at, seq: seq.map(|entry| entry.seq) }
}

/// An entry tells of a row that is not there.
fn gone(entry: &Told) -> Mismatch {
    let whose = if entry.what == "import" { entry.text("batch").to_owned() } else { entry.actor.clone() };
    let (what, notice_id) = (entry.what.to_owned(), entry.notice_id.clone());
    Mismatch { what, notice_id, whose, at: entry.at, seq: Some(entry.seq) }
}
