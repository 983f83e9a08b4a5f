//! The recorder owns the writing of intents and outcomes: groups of all connections, one commit after the other.
//!
//! A note is never split: its outcomes and the intents that replace them become durable together, so that a connection
//! never has more than `in_flight` mails with a durable intent and no durable outcome. There is no timer: what came in
//! during one commit is the next group.

use crate::clock::now_ms;
use owabi_store::{Group, Intent, Settle, Store, StoreError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Notes that may wait before couriers are held back.
const WAITING_NOTES: usize = 1024;
/// How long the recorder waits before it tries a failed commit again.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// What one courier wants recorded in one commit.
#[derive(Debug, Default)]
pub(super) struct Note {
    pub(super) settles: Vec<Settle>,
    pub(super) intents: Vec<Intent>,
    /// Rows given back unsent: id, fence, due at.
    pub(super) back: Vec<(i64, i64, i64)>,
    /// Where the answer about the intents goes.
    pub(super) answer: Option<mpsc::UnboundedSender<Grants>>,
}

/// Whose bodies may leave, and whose may not.
#[derive(Debug, Default)]
pub(super) struct Grants {
    pub(super) granted: Vec<i64>,
    pub(super) denied: Vec<i64>,
}

/// The way to the recorder.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    notes: mpsc::Sender<Note>,
}

/// Commits and rows so far, for the benchmark's figures.
#[derive(Debug, Default)]
pub(super) struct Commits {
    pub(super) commits: AtomicU64,
    pub(super) settled: AtomicU64,
    pub(super) stale: AtomicU64,
}

impl Recorder {
    /// Starts the recorder's task. It ends when every `Recorder` is dropped and every note is written.
    pub(super) fn start(
        store: Store,
        lease_at_least_ms: i64,
        commits: std::sync::Arc<Commits>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (notes, inbox) = mpsc::channel(WAITING_NOTES);
        (Self { notes }, tokio::spawn(write_all(store, lease_at_least_ms, inbox, commits)))
    }

    /// Hands a note over; waits while the recorder is behind.
    pub(super) async fn note(&self, note: Note) {
        // The recorder outlives every sender; should its task have died, the leases keep the rows safe.
        if self.notes.send(note).await.is_err() {
            tracing::error!("the recorder is gone: nothing more can be recorded, so nothing more is sent");
        }
    }
}

async fn write_all(
    store: Store,
    lease_at_least_ms: i64,
    mut inbox: mpsc::Receiver<Note>,
    commits: std::sync::Arc<Commits>,
) {
    let mut notes = Vec::new();
    while inbox.recv_many(&mut notes, WAITING_NOTES).await > 0 {
        let granted = commit(&store, lease_at_least_ms, &mut notes, &commits).await;
        for note in notes.drain(..) {
            answer(note, &granted);
        }
    }
}

/// Writes one group, however long the database takes to come back.
async fn commit(
    store: &Store,
    lease_at_least_ms: i64,
    notes: &mut [Note],
    commits: &Commits,
) -> std::collections::HashSet<i64> {
    let mut group = Group::default();
    let mut back = Vec::new();
    for note in notes.iter_mut() {
        group.settles.append(&mut note.settles);
        group.intents.extend(note.intents.iter().cloned());
        back.append(&mut note.back);
    }
    let recorded = until_written("recording outcomes", || {
        let now = now_ms();
        store.record(&group, now, now + lease_at_least_ms)
    })
    .await
    .unwrap_or_default();
    if !back.is_empty() {
        until_written("giving rows back", || store.give_back(&back, now_ms())).await;
    }
    commits.commits.fetch_add(1, Ordering::Relaxed);
    commits.settled.fetch_add(recorded.settled.len() as u64, Ordering::Relaxed);
    let stale = group.settles.len() - recorded.settled.len();
    if stale > 0 {
        commits.stale.fetch_add(stale as u64, Ordering::Relaxed);
        tracing::warn!(stale, "outcomes came after their lease had ended; the rows are with somebody else or in doubt");
    }
    recorded.granted
}

/// Tries until the database takes it. While it does not, nobody gets a permit, so nothing is sent.
async fn until_written<T, F>(what: &str, mut write: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut failed = false;
    loop {
        match write().await {
            Ok(written) => {
                if failed {
                    tracing::info!(what, "the database takes writes again");
                }
                return Some(written);
            }
            Err(error @ StoreError::Refused(_)) => {
                tracing::error!(what, %error, "the database refused a group; its rows stay with their leases");
                return None;
            }
            Err(error) if !failed => tracing::error!(what, %error, "cannot record, so nothing is sent; trying again"),
            Err(_) => {}
        }
        failed = true;
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

fn answer(note: Note, granted: &std::collections::HashSet<i64>) {
    let Some(to) = note.answer else { return };
    let (yes, no): (Vec<i64>, Vec<i64>) = note.intents.iter().map(|i| i.id).partition(|id| granted.contains(id));
    // A courier that is gone has settled its mails already.
    let _ = to.send(Grants { granted: yes, denied: no });
}
