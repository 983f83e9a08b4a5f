//! From the queue to the relays and back: claim, render, intend, send, settle.

use crate::config::Config;
use crate::library::Library;
use owabi_core::ids::Keys;
use owabi_store::Store;
use tokio_util::sync::CancellationToken;

/// How to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Stop when nothing more is due.
    pub until_idle: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Mails that a relay took.
    pub accepted: u64,
    /// Put off.
    pub deferred: u64,
    /// Refused for good.
    pub failed: u64,
    /// Without a known outcome.
    pub in_doubt: u64,
    /// Never left.
    pub not_sent: u64,
    /// No relay could be reached.
    pub relays_down: bool,
}

/// Counters to look at while it runs.
#[derive(Clone, Debug, Default)]
pub struct Live;

impl Live {
    /// Final outcomes so far.
    pub fn done(&self) -> u64 {
        0
    }
}

/// Why dispatching ended early.
#[derive(Debug, thiserror::Error)]
#[error("there is no dispatcher yet")]
pub struct DispatchError;

/// Runs.
///
/// # Errors
/// Always, for now.
#[expect(clippy::unused_async, reason = "a stand-in")]
pub async fn run(
    _config: &Config,
    _store: Store,
    _library: Library,
    _keys: Keys,
    _options: Options,
    _live: Live,
    _stop: CancellationToken,
) -> Result<Summary, DispatchError> {
    Err(DispatchError)
}
