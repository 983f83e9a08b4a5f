//! The configuration as the dispatcher uses it.

use super::desk::Pauses;
use crate::config::{Config, Jitter, Span};
use crate::service::Longest;
use owabi_core::ids::Keys;
use owabi_core::retry::RetryPolicy;
use std::time::Duration;

/// What the configuration means to the dispatcher. Milliseconds.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) keys: Keys,
    pub(super) bounce: String,
    pub(super) claim: i64,
    pub(super) lease_ms: i64,
    /// Mails that all connections together may have under way.
    pub(super) slots: i64,
    /// The least that a lease must last when a body leaves.
    pub(super) lease_at_least_ms: i64,
    /// The longest wait for a source of receipts before a mail in doubt is sent again.
    pub(super) patience_ms: i64,
    /// The longest wait for the reply to a final dot.
    pub(super) dot_ms: i64,
    pub(super) retry: RetryPolicy,
    pub(super) jitter: bool,
    pub(super) pauses: Pauses,
    pub(super) poll: Duration,
    pub(super) stop_timeout: Duration,
    /// The longest that opening a connection may take.
    pub(super) opening: Duration,
}

impl Settings {
    /// Reads them.
    pub(super) fn new(config: &Config, keys: Keys) -> Self {
        let (dispatch, retry, deadlines) = (&config.dispatch, &config.retry, &config.smtp.deadlines);
        let phases = [deadlines.mail, deadlines.rcpt, deadlines.data, deadlines.body, deadlines.dot];
        let lease_at_least_ms = phases.into_iter().map(ms).sum();
        Self {
            keys,
            bounce: config.smtp.bounce.address.clone(),
            claim: i64::from(dispatch.claim),
            lease_ms: ms(dispatch.lease) + lease_at_least_ms,
            slots: config
                .smtp
                .relays
                .iter()
                .map(|relay| i64::from(relay.max_connections) * i64::from(relay.in_flight))
                .sum(),
            lease_at_least_ms,
            patience_ms: ms(config.receipts.patience),
            dot_ms: ms(deadlines.dot),
            retry: RetryPolicy {
                first_ms: ms(retry.first),
                max_ms: ms(retry.max),
                attempts: i64::from(retry.attempts),
                deadline_ms: ms(retry.deadline),
            },
            jitter: retry.jitter == Jitter::Full,
            pauses: Pauses { first_ms: ms(dispatch.backoff_first), max_ms: ms(dispatch.backoff_max) },
            poll: dispatch.poll.into(),
            stop_timeout: dispatch.stop_timeout.into(),
            opening: Longest::of(config).opening,
        }
    }
}

fn ms(span: Span) -> i64 {
    i64::try_from(Duration::from(span).as_millis()).unwrap_or(i64::MAX)
}
