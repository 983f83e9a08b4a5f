//! `roster.csv`: who was to be told. Without names and addresses unless the bundle is a full one.

use owabi_core::ids::Pseudonyms;
use owabi_core::member::Member;
use owabi_core::roster::{defuse, undo};
use owabi_store::RosterRow;

/// The columns of `roster.csv`.
pub(super) const COLUMNS: [&str; 15] = [
    "member",
    "member_no",
    "name",
    "email",
    "given_email",
    "cohorts",
    "payments",
    "fields",
    "batch",
    "status",
    "reason",
    "round",
    "queued_at",
    "attempts",
    "possible_duplicate",
];

/// The cells of a member; personal ones as keyed hashes, or empty, unless `pseudonyms` is `None`.
pub(super) fn cells(row: &RosterRow, pseudonyms: Option<&Pseudonyms>) -> [String; 15] {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let keyed = |text: &str| match pseudonyms {
        Some(pseudonyms) if !text.is_empty() => pseudonyms.of(text),
        _ => text.to_owned(),
    };
    let or_nothing = |text: &str| if pseudonyms.is_some() { String::new() } else { text.to_owned() };
    [
        row.id.to_string(),
        keyed(&row.member_no),
        or_nothing(&row.name),
        keyed(&optional(&row.email)),
        keyed(&optional(&row.given_email)),
        row.cohorts.clone(),
        or_nothing(&row.payments),
        or_nothing(&row.fields),
        optional(&row.batch),
        row.status.clone(),
        optional(&row.reason),
        row.round.to_string(),
        row.queued_at.map(|at| at.to_string()).unwrap_or_default(),
        row.attempts.to_string(),
        row.possible_duplicate.to_string(),
    ]
    .map(|cell| defuse(&cell).into_owned())
}

/// What a bundle's check needs of a member.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) id: i64,
    /// As it stands there: a keyed hash in a bundle that is not a full one.
    pub(super) member_no: String,
    pub(super) batch: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) round: i64,
    pub(super) queued_at: Option<i64>,
    pub(super) attempts: i64,
    pub(super) possible_duplicate: bool,
    /// As the letter needs it; `None` when the cells are not there or cannot be read.
    pub(super) member: Option<Member>,
}

/// Reads the cells back; `None` when they are not those of a member.
pub(super) fn read(record: &csv::StringRecord) -> Option<Listed> {
    if record.len() != COLUMNS.len() {
        return None;
    }
    let cell = |at: usize| undo(record.get(at).unwrap_or_default()).to_owned();
    let member = || {
        Some(Member {
            member_no: cell(1),
            name: cell(2),
            email: Some(cell(3)).filter(|email| !email.is_empty()),
            cohorts: serde_json::from_str(&cell(5)).ok()?,
            payments: serde_json::from_str(&cell(6)).ok()?,
            fields: serde_json::from_str(&cell(7)).ok()?,
        })
    };
    let queued_at = Some(cell(12)).filter(|at| !at.is_empty());
    Some(Listed {
        id: cell(0).parse().ok()?,
        member_no: cell(1),
        batch: cell(8),
        status: cell(9),
        reason: cell(10),
        round: cell(11).parse().ok()?,
        queued_at: queued_at.map(|at| at.parse()).transpose().ok()?,
        attempts: cell(13).parse().ok()?,
        possible_duplicate: cell(14).parse().ok()?,
        member: member(),
    })
}
