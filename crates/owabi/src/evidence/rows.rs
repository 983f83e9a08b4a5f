//! Lines of a bundle: rows that entries name, in the order of the ledger, and the ledger's own.

use owabi_core::ids::{Pseudonyms, hex};
use owabi_core::ledger::{Body, Entry, Hash};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A line of `attempts.jsonl` and its like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    pub(super) seq: i64,
    pub(super) at: i64,
    pub(super) actor: String,
    pub(super) member: Option<i64>,
    pub(super) number: Option<i64>,
    pub(super) body: Value,
}

/// A line of the ledger of which a bundle tells nothing but its hash: another notice's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hidden {
    pub(super) seq: i64,
    pub(super) leaf: String,
}

/// What leads a line of the ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Front {
    pub(super) seq: i64,
    at: i64,
    #[serde(rename = "actor")]
    _actor: IgnoredAny,
    pub(super) kind: String,
    pub(super) notice: Option<String>,
    member: Option<i64>,
    number: Option<i64>,
    #[serde(rename = "body")]
    _body: IgnoredAny,
}

/// What a told entry says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Told {
    pub(super) body: Value,
}

impl Shown {
    /// The row that an entry names, with keyed hashes for personal values unless it is `None`.
    pub(super) fn of(entry: &Entry, pseudonyms: Option<&Pseudonyms>) -> serde_json::Result<Self> {
        let mut body = entry.body.clone();
        if let Some(pseudonyms) = pseudonyms {
            body.conceal(pseudonyms);
        }
        let body = match &body {
            Body::Attempt(row) => serde_json::to_value(row)?,
            Body::Receipt(row) => serde_json::to_value(row)?,
            Body::Correction(row) => serde_json::to_value(row)?,
            Body::Substitute(row) => serde_json::to_value(row)?,
            Body::Resent(row) => serde_json::to_value(row)?,
            Body::Told(_) | Body::Gone => Value::Null,
        };
        let Entry { seq, at, actor, member_id, number, .. } = entry.clone();
        Ok(Self { seq, at, actor, member: member_id, number, body })
    }

    /// The entry that names this row; `None` when the row says more, or less, than it should.
    pub(super) fn entry(&self, kind: &str, notice_id: &str) -> Option<Entry> {
        let body = match kind {
            "attempt" => Body::Attempt(self.exact()?),
            "receipt" => Body::Receipt(self.exact()?),
            "correction" => Body::Correction(self.exact()?),
            "substitute" => Body::Substitute(self.exact()?),
            "resent" => Body::Resent(self.exact()?),
            _ => return None,
        };
        let Self { seq, at, actor, member, number, .. } = self.clone();
        let (kind, notice_id) = (kind.to_owned(), Some(notice_id.to_owned()));
        Some(Entry { seq, at, actor, kind, notice_id, member_id: member, number, body })
    }

    fn exact<T: DeserializeOwned + Serialize>(&self) -> Option<Box<T>> {
        let row: T = serde_json::from_value(self.body.clone()).ok()?;
        (serde_json::to_value(&row).ok()? == self.body).then(|| Box::new(row))
    }
}

impl Front {
    /// The entry with what it tells, for whoever does not ask who did it.
    pub(super) fn entry(&self, body: &Value) -> Entry {
        Entry {
            seq: self.seq,
            at: self.at,
            actor: String::new(),
            kind: self.kind.clone(),
            notice_id: self.notice.clone(),
            member_id: self.member,
            number: self.number,
            body: Body::Told(body.to_string()),
        }
    }
}

impl Hidden {
    pub(super) fn of(seq: i64, leaf: &Hash) -> Self {
        Self { seq, leaf: hex(leaf) }
    }
}
