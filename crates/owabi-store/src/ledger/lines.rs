//! Entries, each with the row that it names, and places of members, from the lines of JSON that both databases make of them.

use super::{LedgerRow, MemberPlace};
use owabi_core::ledger::{
    Attempt, AttemptBody, Body, Correction, Entry, Intent, REFERRING, Receipt, Resent, Substitute,
};
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

/// The columns of an entry.
type Front = (i64, i64, String, String, Text, Number, Number, String);

type Lines<'a> = serde_json::Deserializer<serde_json::de::SliceRead<'a>>;

/// The entries of these lines, by their numbers.
pub(super) fn rows(lines: &[u8]) -> Vec<LedgerRow> {
    let mut rows: Vec<LedgerRow> = each(lines).map(row).collect();
    rows.sort_by_key(|row| row.seq);
    rows
}

/// The members of these lines, by their rows' ids; what cannot be read is empty.
pub(super) fn places(lines: &[u8]) -> Vec<MemberPlace> {
    let place = |line| {
        let unreadable = |_| (number_of(line), String::new(), String::new(), String::new());
        let (id, member_no, notice_id, status) = serde_json::from_slice(line).unwrap_or_else(unreadable);
        MemberPlace { id, member_no, notice_id, status }
    };
    let mut places: Vec<MemberPlace> = each(lines).map(place).collect();
    places.sort_by_key(|place| place.id);
    places
}

fn each(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split(|octet| *octet == b'\n').filter(|line| !line.is_empty())
}

fn row(line: &[u8]) -> LedgerRow {
    let entry = entry(line).ok();
    let seq = entry.as_ref().map_or_else(|| number_of(line), |entry| entry.seq);
    LedgerRow { seq, entry }
}

/// The first number of a line whose rest cannot be read.
fn number_of(line: &[u8]) -> i64 {
    let digits = line.iter().skip(1).take_while(|octet| octet.is_ascii_digit() || **octet == b'-');
    String::from_utf8_lossy(&digits.copied().collect::<Vec<_>>()).parse().unwrap_or_default()
}

fn entry(line: &[u8]) -> serde_json::Result<Entry> {
    let mut line = serde_json::Deserializer::from_slice(line);
    let (seq, at, actor, kind, notice_id, member_id, number, body) = Front::deserialize(&mut line)?;
    let body = self::body(&kind, body, &mut line)?;
    line.end()?;
    Ok(Entry { seq, at, actor, kind, notice_id, member_id, number, body })
}

/// What an entry of this kind says, with this body and the row that it names, if the line goes on.
fn body(kind: &str, body: String, line: &mut Lines<'_>) -> serde_json::Result<Body> {
    if !body.is_empty() || !REFERRING.contains(&kind) {
        return Ok(Body::Told(body));
    }
    if line.end().is_ok() {
        return Ok(Body::Gone);
    }
    Ok(match kind {
        "attempt" => Body::Attempt(Box::new(attempt_of(AttemptRow::deserialize(line)?))),
        "receipt" => Body::Receipt(Box::new(receipt_of(ReceiptRow::deserialize(line)?))),
        "correction" => {
            let (member_id, at, actor, reason, old_email, new_email) = Deserialize::deserialize(line)?;
            Body::Correction(Box::new(Correction { member_id, at, actor, reason, old_email, new_email }))
        }
        "substitute" => {
            let (notice_id, member_id, kind, on_day, until_day, url, note, revokes, actor, at) =
                Deserialize::deserialize(line)?;
            let row = Substitute { notice_id, member_id, kind, on_day, until_day, url, note, revokes, actor, at };
            Body::Substitute(Box::new(row))
        }
        _ => {
            let (batch_id, at, status_before, reason_before, tries_before, fingerprint) =
                Deserialize::deserialize(line)?;
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
