//! The row that an entry names, from the JSON array that both databases make of it.

use owabi_core::ledger::{Attempt, AttemptBody, Body, Correction, Intent, REFERRING, Receipt, Resent, Substitute};
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// SQLite has 0 and 1.
struct Truth(bool);

impl<'de> Deserialize<'de> for Truth {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Truth(false))
    }
}

impl Visitor<'_> for Truth {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, 1 or 0")
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<Self, E> {
        Ok(Self(truth))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self, E> {
        match number {
            0 | 1 => Ok(Self(number == 1)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }
}

type Text = Option<String>;
type Number = Option<i64>;

/// An attempt and the intent that it had, if any.
#[derive(Deserialize)]
struct AttemptRow(
    Number,
    i64,
    String,
    Truth,
    Text,
    Text,
    Number,
    Text,
    Text,
    Text,
    Text,
    Number,
    Number,
    Number,
    Text,
    Text,
    Text,
    Text,
    Text,
    Number,
    Option<Truth>,
);

#[derive(Deserialize)]
struct ReceiptRow(
    i64,
    Number,
    Number,
    i64,
    Number,
    String,
    String,
    i64,
    String,
    String,
    Text,
    Text,
    Text,
    Text,
    Text,
    String,
    String,
);

/// What an entry of this kind says, with this body and the row that it names.
pub(super) fn body(kind: &str, body: String, row: Option<&str>) -> serde_json::Result<Body> {
    if !body.is_empty() || !REFERRING.contains(&kind) {
        return Ok(Body::Told(body));
    }
    let Some(row) = row else { return Ok(Body::Gone) };
    Ok(match kind {
        "attempt" => Body::Attempt(Box::new(attempt_of(serde_json::from_str(row)?))),
        "receipt" => Body::Receipt(Box::new(receipt_of(serde_json::from_str(row)?))),
        "correction" => {
            let (member_id, at, actor, reason, old_email, new_email) = serde_json::from_str(row)?;
            Body::Correction(Box::new(Correction { member_id, at, actor, reason, old_email, new_email }))
        }
        "substitute" => {
            let (notice_id, member_id, kind, on_day, until_day, url, note, revokes, actor, at) =
                serde_json::from_str(row)?;
            let row = Substitute { notice_id, member_id, kind, on_day, until_day, url, note, revokes, actor, at };
            Body::Substitute(Box::new(row))
        }
        _ => {
            let (batch_id, at, status_before, reason_before, tries_before, fingerprint) = serde_json::from_str(row)?;
            let row = Resent { batch_id, at, status_before, reason_before, tries_before, fingerprint };
            Body::Resent(Box::new(row))
        }
    })
}

fn attempt_of(row: AttemptRow) -> AttemptBody {
    let attempt = Attempt {
        fence: row.0,
        at: row.1,
        outcome: row.2,
        spent: row.3.0,
        reason: row.4,
        phase: row.5,
        code: row.6,
        enhanced: row.7,
        reply: row.8,
        queue_id: row.9,
        tls: row.10,
        duration_ms: row.11,
    };
    let intent = row.12.map(|fence| Intent {
        fence,
        at: row.13.unwrap_or_default(),
        relay: row.14.unwrap_or_default(),
        rcpt_to: row.15.unwrap_or_default(),
        message_id: row.16.unwrap_or_default(),
        envid: row.17.unwrap_or_default(),
        mail_sha256: row.18.unwrap_or_default(),
        mail_bytes: row.19.unwrap_or_default(),
        possible_duplicate: row.20.is_some_and(|flag| flag.0),
    });
    AttemptBody { attempt, intent }
}

fn receipt_of(row: ReceiptRow) -> Receipt {
    Receipt {
        member_id: row.0,
        round: row.1,
        number: row.2,
        at: row.3,
        reported_at: row.4,
        source: row.5,
        evidence: row.6,
        part: row.7,
        matched_by: row.8,
        says: row.9,
        recipient: row.10,
        status: row.11,
        reason: row.12,
        detail: row.13,
        queue_id: row.14,
        status_before: row.15,
        status_after: row.16,
    }
}
