//! `dispatch` and `retry`: how rows are taken, given back and tried again.

use super::Span;
use super::problem::Findings;
use crate::cli::say::say;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `dispatch`: taking rows from the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dispatch {
    /// Rows taken at a time.
    pub claim: u32,
    /// How long a taken row is ours; after a crash it is free again then.
    pub lease: Span,
    /// How long a stop waits for mails in flight.
    pub stop_timeout: Span,
    /// First pause of a relay that is down.
    pub backoff_first: Span,
    /// Longest pause of a relay that is down.
    pub backoff_max: Span,
    /// How often an empty queue is looked at.
    pub poll: Span,
    /// File for outcomes that the database does not take before a stop.
    pub spool: PathBuf,
}

impl Default for Dispatch {
    fn default() -> Self {
        Self {
            claim: 500,
            lease: Span::minutes(10),
            stop_timeout: Span::seconds(60),
            backoff_first: Span::seconds(5),
            backoff_max: Span::minutes(5),
            poll: Span::seconds(1),
            spool: "owabi.spool".into(),
        }
    }
}

impl Dispatch {
    pub(super) fn validate(&self, dot: Span, found: &mut Findings) {
        found.at_least_one("dispatch.claim", self.claim);
        if self.lease <= dot {
            found.refuse_with(
                "dispatch.lease",
                say!(
                    ja: "smtp.deadlines.dot ({dot}) より長くしてください。",
                    en: "must be longer than smtp.deadlines.dot ({dot})"
                ),
                say!(
                    ja: "最後のドットは、応答を待つ間にリース(lease)が切れないときにだけ送ります。",
                    en: "a mail's final dot is sent only while its lease outlasts the wait for the answer"
                ),
            );
        }
        if self.backoff_first == Span::ZERO || self.backoff_first > self.backoff_max {
            found.refuse(
                "dispatch.backoff_first",
                say!(
                    ja: "0s より長く、dispatch.backoff_max 以下にしてください。",
                    en: "must be longer than 0s and not longer than dispatch.backoff_max"
                ),
            );
        }
        if self.poll == Span::ZERO {
            found.no_time("dispatch.poll");
        }
    }
}

/// `retry`: trying one member again after a temporary refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Wait before the second attempt.
    pub first: Span,
    /// Longest wait between two attempts.
    pub max: Span,
    /// Attempts in all, the first one included.
    pub attempts: u32,
    /// After this long since the release nobody is tried again.
    pub deadline: Span,
    /// How waits are spread.
    pub jitter: Jitter,
}

/// How the waits of many members are kept from ending at the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Jitter {
    /// Any length up to the computed wait, but never under `retry.first`.
    #[default]
    Full,
    /// Exactly the computed wait.
    None,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Span::minutes(5),
            max: Span::hours(4),
            attempts: 12,
            deadline: Span::days(5),
            jitter: Jitter::default(),
        }
    }
}

impl Retry {
    pub(super) fn validate(&self, found: &mut Findings) {
        found.at_least_one("retry.attempts", self.attempts);
        if self.first > self.max {
            let max = self.max;
            found.refuse(
                "retry.first",
                say!(ja: "retry.max ({max}) 以下にしてください。", en: "must not be longer than retry.max ({max})"),
            );
        }
        if self.deadline < self.first {
            let first = self.first;
            found.refuse(
                "retry.deadline",
                say!(ja: "retry.first ({first}) 以上にしてください。", en: "must not be shorter than retry.first ({first})"),
            );
        }
    }
}
