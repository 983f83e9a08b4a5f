//! Where each member stands by the ledger of a bundle, and what else the ledger tells of its row in the roster.

use super::roster::Listed;
use crate::ledger::{Standings, Stands};
use owabi_core::ledger::{Body, Entry};
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeSet, HashMap};

/// What the entries of a notice say of its members. About 100 octets a member.
#[derive(Default)]
pub(super) struct Placed {
    standings: Standings,
    members: HashMap<i64, Told>,
    /// When rows were released.
    released: BTreeSet<i64>,
    /// A change of a status had an entry.
    changed: bool,
    /// Some of it happened before every change had an entry: of the rows only the status is compared.
    older: bool,
}

/// What the entries say of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    /// The newest entry.
    seq: i64,
    round: i64,
    attempts: i64,
    /// When the newest resend began.
    resent_at: Option<i64>,
    /// `None`: they do not tell.
    reason: Option<String>,
    /// `None`: they do not tell.
    possible_duplicate: Option<bool>,
}

#[derive(Deserialize)]
struct Change {
    reason: Option<String>,
    #[serde(deserialize_with = "truth")]
    possible_duplicate: bool,
}

#[derive(Deserialize)]
struct Upgraded {
    statuses_told_from: i64,
}

/// `true`, or 1 as SQLite says it.
fn truth<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(value.as_bool().unwrap_or(value.as_i64() == Some(1)))
}

impl Default for Told {
    fn default() -> Self {
        Self { seq: 0, round: 1, attempts: 0, resent_at: None, reason: None, possible_duplicate: Some(false) }
    }
}

impl Told {
    fn take(&mut self, entry: &Entry) {
        self.seq = entry.seq;
        match &entry.body {
            Body::Attempt(row) => {
                self.attempts += i64::from(row.attempt.spent);
                self.reason = Some(row.attempt.reason.clone().unwrap_or_default());
            }
            Body::Resent(row) => {
                self.round = entry.number.unwrap_or(self.round);
                (self.attempts, self.resent_at) = (0, Some(row.at));
            }
            // It may have changed the reason and nothing else, which has no entry of its own.
            Body::Receipt(row) if row.status_before == row.status_after => {
                (self.reason, self.possible_duplicate) = (None, None);
            }
            Body::Told(text) if entry.kind == "status" => {
                let change = serde_json::from_str::<Change>(text).ok();
                self.reason = change.as_ref().map(|change| change.reason.clone().unwrap_or_default());
                self.possible_duplicate = change.map(|change| change.possible_duplicate);
            }
            _ => {}
        }
    }
}

impl Placed {
    /// Whether [`take`](Self::take) wants an entry of this kind.
    pub(super) fn wants(kind: &str) -> bool {
        matches!(kind, "release" | "status" | "upgraded")
    }

    /// Takes what an entry says; they come in their order.
    pub(super) fn take(&mut self, entry: &Entry) {
        match (entry.kind.as_str(), &entry.body) {
            ("release", _) => _ = self.released.insert(entry.at),
            ("upgraded", Body::Told(text)) => self.upgraded(text),
            _ => {}
        }
        let of_a_receipt = if let Body::Receipt(row) = &entry.body { Some(row.member_id) } else { None };
        let Some(id) = of_a_receipt.or(entry.member_id) else { return };
        self.changed |= entry.kind == "status";
        self.standings.take(entry.seq, id, Stands::of(entry));
        self.members.entry(id).or_default().take(entry);
    }

    /// Only a ledger that has told of no change yet was upgraded; said later, it would hide what was told.
    fn upgraded(&mut self, text: &str) {
        if let (false, Ok(from)) = (self.changed, serde_json::from_str::<Upgraded>(text)) {
            self.standings = Standings::new(from.statuses_told_from);
            self.older = true;
        }
    }

    /// The entry that says something else of a row than the row, and the row's column. The row is then seen.
    pub(super) fn differs(&mut self, row: &Listed) -> Option<(Option<i64>, &'static str)> {
        let told = self.members.remove(&row.id);
        let seq = told.as_ref().map(|told| told.seq);
        if !self.standings.allows(row.id, &row.status) {
            return Some((seq, "status"));
        }
        if self.older {
            return None;
        }
        let told = told.unwrap_or_default();
        // A roster that comes again may give another reason to whom mail does not reach.
        let by_import = matches!(row.status.as_str(), "held" | "unreachable");
        let due = match (told.resent_at, row.queued_at) {
            (Some(at), queued_at) => queued_at == Some(at),
            (None, Some(at)) => row.batch.is_empty() || self.released.contains(&at),
            (None, None) => true,
        };
        let columns = [
            (row.round == told.round, "round"),
            (row.attempts == told.attempts, "attempts"),
            (due, "queued_at"),
            (by_import || told.reason.is_none_or(|reason| reason == row.reason), "reason"),
            (told.possible_duplicate.is_none_or(|twice| twice == row.possible_duplicate), "possible_duplicate"),
        ];
        columns.into_iter().find(|(same, _)| !same).map(|(_, column)| (seq, column))
    }

    /// A member of whom the ledger tells and whose row was not seen: its id, and the newest entry.
    pub(super) fn unseen(&self) -> Option<(i64, i64)> {
        self.members.iter().map(|(id, told)| (*id, told.seq)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: i64, kind: &str, member_id: Option<i64>, body: &str) -> Entry {
        Entry {
            seq,
            at: seq,
            actor: "owabi".into(),
            kind: kind.into(),
            notice_id: Some("n".into()),
            member_id,
            number: Some(1),
            body: Body::Told(body.into()),
        }
    }

    fn row(status: &str) -> Listed {
        Listed {
            id: 1,
            member_no: "M1".into(),
            batch: "b".into(),
            status: status.into(),
            reason: String::new(),
            round: 1,
            queued_at: None,
            attempts: 0,
            possible_duplicate: false,
            member: None,
        }
    }

    const BOUNCED: &str = r#"{"from":"accepted","to":"bounced","reason":null,"possible_duplicate":0}"#;
    const UPGRADED: &str = r#"{"statuses_told_from":5}"#;

    #[test]
    fn of_a_queue_that_was_upgraded_what_came_before_is_not_judged_and_what_came_after_is() {
        let older = || {
            let mut placed = Placed::default();
            placed.take(&entry(6, "upgraded", None, UPGRADED));
            placed
        };
        assert_eq!(older().differs(&Listed { attempts: 3, ..row("accepted") }), None);
        let mut placed = older();
        placed.take(&entry(7, "status", Some(1), BOUNCED));
        assert_eq!(placed.differs(&row("accepted")), Some((Some(7), "status")));
    }

    #[test]
    fn an_upgrade_that_is_told_of_after_a_change_hides_nothing() {
        let mut placed = Placed::default();
        placed.take(&entry(4, "status", Some(1), BOUNCED));
        placed.take(&entry(6, "upgraded", None, UPGRADED));
        assert_eq!(placed.unseen(), Some((1, 4)));
        assert_eq!(placed.differs(&row("accepted")), Some((Some(4), "status")));
        assert_eq!(placed.differs(&Listed { round: 2, ..row("bounced") }), Some((None, "round")));
        assert_eq!(placed.unseen(), None);
    }
}
