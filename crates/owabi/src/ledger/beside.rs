//! What stands outside the ledger and must agree with it: approvals, releases, notices, imports.

use owabi_core::ids::hex;
use owabi_core::ledger::{Body, Entry};
use owabi_store::Beside;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Something outside that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// As [`Beside::what`].
    pub what: String,
    /// The notice.
    pub notice_id: String,
    /// Who, or the batch's id of an import or a resend.
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
    kind: String,
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
            "resend" => "resend",
            "user" => "user",
            "released" | "paused" | "withdrawn" => "state",
            "hold_set" | "hold_lifted" => "hold",
            "purge" => "purge",
            _ => return None,
        };
        let Body::Told(text) = &entry.body else { return None };
        let (notice_id, actor) = (entry.notice_id.clone().unwrap_or_default(), entry.actor.clone());
        let (seq, at, kind) = (entry.seq, entry.at, entry.kind.clone());
        Some(Self { seq, what, kind, notice_id, actor, at, body: serde_json::from_str(text).ok()? })
    }

    fn text(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it speaks of this row.
    fn speaks_of(&self, row: &Beside) -> bool {
        let same = self.what == row.what || (row.what == "state" && self.what == "release");
        if !same || self.notice_id != row.notice_id {
            return false;
        }
        match row.what.as_str() {
            "state" | "hold" | "purge" => true,
            "user" => self.text("user") == row.actor,
            "import" | "resend" => self.text("batch") == row.fingerprint,
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
            "resend" => self.actor == row.actor && self.text("reason") == row.more,
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

    /// The state that a notice has after it.
    fn state(&self) -> &str {
        if self.what == "release" { "released" } else { &self.kind }
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
        "state" | "hold" | "purge" | "user" => last_differs(told, row),
        _ => !told.iter().any(|entry| entry.speaks_of(row) && entry.agrees(row)),
    });
    // Releases from before the ledger had the hash of the files have no row of their own, the last one apart.
    let kept = |entry: &&Told| entry.what != "release" || entry.body.get("definition_sha256").is_some();
    let gone = || told.iter().filter(kept).find(|entry| !rows.iter().any(|row| entry.speaks_of(row))).map(gone);
    wrong.map(|row| mismatch(told, row)).or_else(gone)
}

/// A notice says what its last release says.
fn notice_differs(rows: &[Beside], notice: &Beside) -> bool {
    let of_notice = |row: &&Beside| row.what == "release" && row.notice_id == notice.notice_id;
    let says = |row: &Beside| (row.fingerprint.clone(), row.hash.clone(), row.more.clone());
    rows.iter().filter(of_notice).max_by_key(|row| row.at).is_none_or(|last| says(last) != says(notice))
}

/// What the entries say last of a notice or a person is not what stands there.
fn last_differs(told: &[Told], row: &Beside) -> bool {
    let of_row = || told.iter().rev().filter(|entry| entry.speaks_of(row));
    match (row.what.as_str(), of_row().next()) {
        ("state", last) => row.fingerprint != last.map_or("draft", Told::state),
        ("hold", last) => (row.fingerprint == "set") != last.is_some_and(|last| last.kind == "hold_set"),
        ("purge", last) => row.at != last.map_or(0, |last| last.at),
        (_, None) => true,
        (_, Some(last)) => {
            let able = ["add", "enable", "disable"];
            let able = of_row().find(|entry| able.contains(&entry.text("change")));
            let disabled = able.is_some_and(|entry| entry.text("change") == "disable");
            last.text("role") != row.fingerprint
                || last.text("os_user") != row.hash
                || disabled != (row.more == "disabled")
        }
    }
}

/// A row that is wrong, with the entry that says otherwise.
fn mismatch(told: &[Told], row: &Beside) -> Mismatch {
    let last_release = |entry: &&Told| entry.what == "release" && entry.notice_id == row.notice_id;
    let seq = match row.what.as_str() {
        "notice" => told.iter().rev().find(last_release),
        "state" | "hold" | "purge" | "user" => told.iter().rev().find(|entry| entry.speaks_of(row)),
        _ => told.iter().find(|entry| entry.speaks_of(row)),
    };
    let whose = if matches!(row.what.as_str(), "import" | "resend") { &row.fingerprint } else { &row.actor };
    let (what, notice_id, whose) = (row.what.clone(), row.notice_id.clone(), whose.clone());
    Mismatch { what, notice_id, whose, at: row.at, seq: seq.map(|entry| entry.seq) }
}

/// An entry tells of a row that is not there.
fn gone(entry: &Told) -> Mismatch {
    let whose = match entry.what {
        "import" | "resend" => entry.text("batch").to_owned(),
        "user" => entry.text("user").to_owned(),
        _ => entry.actor.clone(),
    };
    let (what, notice_id) = (entry.what.to_owned(), entry.notice_id.clone());
    Mismatch { what, notice_id, whose, at: entry.at, seq: Some(entry.seq) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(seq: i64, body: &str) -> Told {
        let entry = Entry {
            seq,
            at: seq,
            actor: "hanako".into(),
            kind: "release".into(),
            notice_id: Some("n".into()),
            member_id: None,
            number: None,
            body: Body::Told(body.into()),
        };
        Told::of(&entry).unwrap()
    }

    #[test]
    fn of_a_queue_that_was_upgraded_only_the_last_release_has_a_row() {
        let old = |seq| release(seq, r#"{"fingerprint":"f","roster_hash":"r"}"#);
        let row = |what: &str, actor: &str| Beside {
            what: what.into(),
            notice_id: "n".into(),
            actor: actor.into(),
            at: 2,
            fingerprint: "f".into(),
            hash: "r".into(),
            more: "d".into(),
        };
        let rows = [row("release", "hanako"), row("notice", "")];
        assert_eq!(first_mismatch(&[old(1), old(2)], &rows), None);
        let files = sha256("d");
        let new = release(1, &format!(r#"{{"fingerprint":"f","roster_hash":"r","definition_sha256":"{files}"}}"#));
        assert_eq!(first_mismatch(&[new, old(2)], &rows).unwrap().seq, Some(1));
    }
}
