//! The recorder owns the writing of intents and outcomes: groups of all connections, one commit after the other.
//!
//! A note is never split: its outcomes and the intents that replace them become durable together, so that a connection
//! never has more than `in_flight` mails with a durable intent and no durable outcome. There is no timer: what came in
//! during one commit is the next group.

use crate::clock::now_ms;
use owabi_store::{Group, Intent, Settle, Store, StoreError};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

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
    /// Told when everything up to this note is durable.
    pub(super) durable: Option<oneshot::Sender<()>>,
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

impl Recorder {
    /// Starts the recorder's task, which keeps a `tally`. It ends when every `Recorder` is dropped and every note is written.
    pub(super) fn start(
        store: Store,
        lease_at_least_ms: i64,
        tally: Arc<Tally>,
        abandon: CancellationToken,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (notes, inbox) = mpsc::channel(WAITING_NOTES);
        let writer = Writer { store, lease_at_least_ms, tally, abandon };
        (Self { notes }, tokio::spawn(writer.write_all(inbox)))
    }

    /// Waits until everything that was noted before is durable.
    pub(super) async fn flush(&self) {
        let (durable, told) = oneshot::channel();
        self.note(Note { durable: Some(durable), ..Note::default() }).await;
        // An error means that the recorder is gone, which was said already.
        let _ = told.await;
    }

    /// Hands a note over; waits while the recorder is behind.
    pub(super) async fn note(&self, note: Note) {
        // The recorder outlives every sender; should its task have died, the leases keep the rows safe.
        if self.notes.send(note).await.is_err() {
            tracing::error!("the recorder is gone: nothing more can be recorded, so nothing more is sent");
        }
    }
}

/// What the recorder counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Groups committed.
    pub(super) commits: AtomicU64,
    /// Outcomes that could not be recorded before the end: their mails are in doubt.
    pub(super) unrecorded: AtomicU64,
}

/// What the recorder's task works with.
struct Writer {
    store: Store,
    lease_at_least_ms: i64,
    tally: Arc<Tally>,
    abandon: CancellationToken,
}

impl Writer {
    async fn write_all(self, mut inbox: mpsc::Receiver<Note>) {
        let mut notes = Vec::new();
        while inbox.recv_many(&mut notes, WAITING_NOTES).await > 0 {
            let granted = self.commit(&mut notes).await;
            for note in notes.drain(..) {
                answer(note, &granted);
            }
        }
    }

    /// Writes one group, however long the database takes to come back. Returns the rows whose bodies may leave.
    async fn commit(&self, notes: &mut [Note]) -> HashSet<i64> {
        let mut group = Group::default();
        let mut back = Vec::new();
        for note in notes.iter_mut() {
            group.settles.append(&mut note.settles);
            group.intents.extend(note.intents.iter().cloned());
            back.append(&mut note.back);
        }
        let granted = self.record(&group).await;
        if !back.is_empty() {
            self.until_written("giving rows back", || self.store.give_back(&back, now_ms())).await;
        }
        granted
    }

    async fn record(&self, group: &Group) -> HashSet<i64> {
        if group.settles.is_empty() && group.intents.is_empty() {
            return HashSet::new();
        }
        let write = || self.store.record(group, now_ms(), now_ms() + self.lease_at_least_ms);
        let Some(recorded) = self.until_written("recording outcomes", write).await else {
            self.tally.unrecorded.fetch_add(group.settles.len() as u64, Ordering::Relaxed);
            return HashSet::new();
        };
        self.tally.commits.fetch_add(1, Ordering::Relaxed);
        let stale = group.settles.len() - recorded.settled.len();
        if stale > 0 {
            tracing::warn!(
                stale,
                "outcomes came after their leases had ended; their rows are with somebody else or in doubt"
            );
        }
        recorded.granted
    }

    /// Tries until the database takes it. While it does not, nobody gets a permit, so nothing is sent.
    async fn until_written<T, F>(&self, what: &str, mut write: impl FnMut() -> F) -> Option<T>
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
                Err(error) if self.abandon.is_cancelled() || matches!(error, StoreError::Refused(_)) => {
                    tracing::error!(what, %error, "a group was not recorded; its rows stay with their leases");
                    return None;
                }
                Err(error) if !failed => {
                    tracing::error!(what, %error, "cannot record, so nothing is sent; trying again");
                }
                Err(_) => {}
            }
            failed = true;
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }
}

fn answer(note: Note, granted: &HashSet<i64>) {
    // Whoever is gone needs no answer: a courier that ended has settled its mails already.
    if let Some(durable) = note.durable {
        let _ = durable.send(());
    }
    if let Some(to) = note.answer {
        let (yes, no): (Vec<i64>, Vec<i64>) = note.intents.iter().map(|i| i.id).partition(|id| granted.contains(id));
        let _ = to.send(Grants { granted: yes, denied: no });
    }
}
