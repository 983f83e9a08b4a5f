//! One affected member: what a roster says of a person and what a notice may say to them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A person owed one notice. The queue table holds exactly these fields beside the delivery's status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The association's number of the member; unique within one notice.
    pub member_no: String,
    /// The name as the roster gives it (外字, variation selectors and emoji kept).
    pub name: String,
    /// The normalised address ([`crate::address::Address::as_str`]); `None` when mail cannot reach the member.
    pub email: Option<String>,
    /// Ids of the notice's cohorts that the member belongs to, in the notice's order.
    pub cohorts: Vec<String>,
    /// The payments that made the member affected, by time; empty for a plain list.
    pub payments: Vec<Payment>,
    /// Further roster columns by the header's name.
    pub fields: BTreeMap<String, String>,
}

/// One affected payment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Payment {
    /// Japan time, `2021-10-14T09:30:00`, or `2021-10-14` when the roster names only the day.
    pub paid_at: String,
    /// The id of the cohort whose rule it met.
    pub cohort: String,
    /// What was paid for, as the roster gives it.
    pub purpose: String,
    /// How it was paid, as the roster gives it.
    pub method: String,
}
