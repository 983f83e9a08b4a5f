//! When a notice was stopped and went on, by the ledger's entries.

use crate::cli::state_reason;
use owabi_store::EventRow;
use serde_json::Value;

/// One stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pause<'a> {
    pub(super) at: i64,
    pub(super) by: &'a str,
    pub(super) reason: Option<String>,
    /// What ended it; `None`: nothing yet.
    pub(super) end: Option<&'a EventRow>,
}

/// Members who were taken out together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Withdrawal<'a> {
    pub(super) at: i64,
    pub(super) by: &'a str,
    /// `None`: it is about one member, and what was written about a person is not repeated.
    pub(super) reason: Option<String>,
    pub(super) members: i64,
}

/// A canary that was found well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) at: i64,
    pub(super) good: i64,
    pub(super) failed: i64,
    pub(super) waiting: i64,
}

impl Pause<'_> {
    /// What stopped it: `person`, or owabi itself: `breaker`, `canary`, `relay`.
    pub(super) fn cause(&self) -> &'static str {
        let reason = self.reason.as_deref().filter(|reason| state_reason::is_ours(reason)).unwrap_or_default();
        match reason.split(' ').next() {
            Some("breaker_tripped") => "breaker",
            Some("canary_failed") => "canary",
            Some("message_too_large") => "relay",
            _ => "person",
        }
    }
}

/// The stops, in their order.
pub(super) fn pauses(events: &[EventRow]) -> Vec<Pause<'_>> {
    let mut pauses: Vec<Pause<'_>> = Vec::new();
    for event in events {
        match event.kind.as_str() {
            "paused" => pauses.push(Pause { at: event.at, by: &event.actor, reason: reason(event), end: None }),
            "released" | "withdrawn" => {
                if let Some(open) = pauses.last_mut().filter(|pause| pause.end.is_none()) {
                    open.end = Some(event);
                }
            }
            _ => {}
        }
    }
    pauses
}

/// The withdrawals, in their order.
pub(super) fn withdrawals(events: &[EventRow]) -> Vec<Withdrawal<'_>> {
    events.iter().filter(|event| event.kind == "withdraw_members").map(withdrawal).collect()
}

fn withdrawal(event: &EventRow) -> Withdrawal<'_> {
    let body = body(event);
    Withdrawal {
        at: event.at,
        by: &event.actor,
        reason: reason(event).filter(|_| body["selection"]["member"].is_null()),
        members: body["members"].as_i64().unwrap_or(0),
    }
}

/// The canaries that were found well.
pub(super) fn passed(events: &[EventRow]) -> Vec<Passed> {
    let those = events.iter().filter(|event| event.kind == "canary_passed");
    let of = |event: &EventRow, key: &str| body(event)[key].as_i64().unwrap_or(0);
    let passed = |event: &EventRow| Passed {
        at: event.at,
        good: of(event, "good"),
        failed: of(event, "failed"),
        waiting: of(event, "waiting"),
    };
    those.map(passed).collect()
}

fn body(event: &EventRow) -> Value {
    serde_json::from_str(&event.body).unwrap_or_default()
}

fn reason(event: &EventRow) -> Option<String> {
    body(event)["reason"].as_str().map(str::to_owned)
}
