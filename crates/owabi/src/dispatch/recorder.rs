//! The recorder owns the writing of intents and outcomes: groups of all connections, one commit after the other.
//!
//! A note is never split: its outcomes and the intents that replace them become durable together, so that a connection
//! never has more than `in_flight` mails with a durable intent and no durable outcome. There is no timer: what came in
//! during one commit is the next group.

use super::board::Board;
use super::database::{Database, Write, harmless};
use super::measured::Measured;
use super::spool::Spool;
use crate::clock::{monotonic, now_ms};
use owabi_core::lifecycle::Status;
use owabi_store::{Claim, Grant, Group, Intent, Recorded, Settle, Store, StoreError};
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
    pub(super) granted: Vec<Grant>,
    pub(super) denied: Vec<Claim>,
}

/// The way to the recorder.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    notes: mpsc::Sender<Note>,
    database: Arc<Database>,
}

impl Recorder {
    /// Starts the recorder's task. It ends when every `Recorder` is dropped and every note is written.
    pub(super) fn start(writer: Writer) -> (Self, tokio::task::JoinHandle<()>) {
        let (notes, inbox) = mpsc::channel(WAITING_NOTES);
        let recorder = Self { notes, database: Arc::clone(&writer.database) };
        (recorder, tokio::spawn(writer.write_all(inbox)))
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
        self.database.outcomes_came(note.settles.len());
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
    /// Outcomes that could neither be recorded nor spooled before the end: their mails are in doubt.
    pub(super) unrecorded: AtomicU64,
    /// Outcomes that went to the spool file, refused or at the end, for the next run to record.
    pub(super) spooled: AtomicU64,
}

/// What the recorder's task works with.
pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) lease_at_least_ms: i64,
    pub(super) tally: Arc<Tally>,
    pub(super) database: Arc<Database>,
    pub(super) spool: Spool,
    pub(super) board: Arc<Board>,
    pub(super) measured: Measured,
    pub(super) abandon: CancellationToken,
    /// Not even an answer of the database.
    pub(super) end: CancellationToken,
}

/// How a group was written.
#[derive(Debug, Default)]
struct Written {
    /// Whose bodies may leave.
    granted: HashSet<Grant>,
    /// The database refused something of it.
    refused: bool,
}

/// Why a group was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unwritten {
    /// The database refused a statement of it.
    Refused,
    /// The time for stopping is over.
    Abandoned,
}

impl Writer {
    async fn write_all(self, mut inbox: mpsc::Receiver<Note>) {
        let mut notes = Vec::new();
        while inbox.recv_many(&mut notes, WAITING_NOTES).await > 0 {
            let mut written = self.commit(&notes).await;
            self.database.outcomes_went(notes.iter().map(|note| note.settles.len()).sum());
            for note in notes.drain(..) {
                answer(note, &mut written.granted);
            }
            if written.refused {
                // What is refused may be so for long: nobody gains by asking the relays and the database without a pause.
                self.pause().await;
            }
        }
    }

    async fn pause(&self) {
        tokio::select! {
            () = tokio::time::sleep(TRY_AGAIN) => {}
            () = self.abandon.cancelled() => {}
        }
    }

    /// Writes one group, however long the database takes to come back.
    async fn commit(&self, notes: &[Note]) -> Written {
        let written = match self.record(notes).await {
            Err(Unwritten::Refused) if notes.len() > 1 => self.record_one_by_one(notes).await,
            done => Written::of(done),
        };
        let back: Vec<_> = notes.iter().flat_map(|note| note.back.iter().copied()).collect();
        if !back.is_empty() {
            // What is not given back stays with its lease, which was said.
            let _ = self.until_written(Write::Back, |_| self.store.give_back(&back, now_ms())).await;
        }
        written
    }

    /// One row that the database refuses costs nobody else their outcome.
    async fn record_one_by_one(&self, notes: &[Note]) -> Written {
        let mut written = Written { refused: true, ..Written::default() };
        for note in notes {
            written.granted.extend(self.record(std::slice::from_ref(note)).await.unwrap_or_default());
        }
        written
    }

    async fn record(&self, notes: &[Note]) -> Result<HashSet<Grant>, Unwritten> {
        let settles: Vec<Settle> = notes.iter().flat_map(|note| note.settles.iter().cloned()).collect();
        let intents: Vec<Intent> = notes.iter().flat_map(|note| note.intents.iter().cloned()).collect();
        let group = Group { intents, settles };
        if group.settles.is_empty() && group.intents.is_empty() {
            return Ok(HashSet::new());
        }
        let write = |again| self.write(&group, again);
        let what = if group.settles.is_empty() { Write::Intents } else { Write::Outcomes };
        match self.until_written(what, write).await {
            Ok(recorded) => Ok(self.recorded(&group, recorded)),
            Err(why) => {
                // The notes of a group that was refused are tried one by one.
                if why == Unwritten::Abandoned || notes.len() == 1 {
                    self.put_aside(&group.settles);
                }
                Err(why)
            }
        }
    }

    async fn write(&self, group: &Group, again: bool) -> Result<Recorded, StoreError> {
        let begun = monotonic();
        let recorded = self.store.record(group, now_ms(), now_ms() + self.lease_at_least_ms, again).await?;
        self.measured.committed(monotonic().saturating_duration_since(begun));
        Ok(recorded)
    }

    fn recorded(&self, group: &Group, recorded: Recorded) -> HashSet<Grant> {
        self.tally.commits.fetch_add(1, Ordering::Relaxed);
        if group.settles.iter().any(|settle| settle.status == Status::Failed) {
            self.board.failures.notify_one();
        }
        let stale = group.settles.len() - recorded.settled.len();
        if stale > 0 {
            tracing::warn!(
                stale,
                "outcomes came after their leases had ended; their rows are with somebody else or in doubt"
            );
        }
        recorded.granted
    }

    /// The database refuses these outcomes, or the end has come and it is still away: they wait in a file for the next run.
    fn put_aside(&self, settles: &[Settle]) {
        if settles.is_empty() {
            return;
        }
        let (outcomes, file) = (settles.len() as u64, self.spool.file().display());
        match self.spool.keep(settles) {
            Ok(()) => {
                self.tally.spooled.fetch_add(outcomes, Ordering::Relaxed);
                tracing::error!(outcomes, %file, "outcomes that the database did not take are in the spool file; the next run records them");
            }
            Err(error) => {
                self.tally.unrecorded.fetch_add(outcomes, Ordering::Relaxed);
                tracing::error!(outcomes, %file, %error, "outcomes could neither be recorded nor spooled; their mails are in doubt");
            }
        }
    }

    /// Tries until the database takes it; `write` hears whether an earlier try may have been committed. While it does
    /// not, nobody gets a permit, so nothing is sent.
    async fn until_written<T, F>(&self, what: Write, write: impl Fn(bool) -> F) -> Result<T, Unwritten>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let recording = &self.database.recording;
        let mut failed = false;
        // After the end a database that was away a moment ago is not asked again.
        while !(self.abandon.is_cancelled() && recording.fails_now()) {
            recording.asks(now_ms());
            let Some(written) = before(&self.end, Box::pin(write(failed))).await else {
                recording.says_nothing(now_ms());
                break;
            };
            match written {
                Ok(written) => {
                    if recording.takes(what, now_ms()) {
                        tracing::info!("the database takes writes again");
                    }
                    return Ok(written);
                }
                Err(error @ StoreError::Refused(_)) => {
                    if recording.refuses(what, &error, now_ms()) {
                        tracing::error!(error = harmless(&error), "the database refuses what is to be recorded");
                    }
                    return Err(Unwritten::Refused);
                }
                Err(error) => {
                    if recording.fails(&error, now_ms()) {
                        tracing::error!(error = harmless(&error), "cannot record, so nothing is sent; trying again");
                    }
                }
            }
            failed = true;
            self.pause().await;
        }
        tracing::error!("the database took nothing more before the end");
        Err(Unwritten::Abandoned)
    }
}

impl Written {
    fn of(done: Result<HashSet<Grant>, Unwritten>) -> Self {
        let refused = matches!(done, Err(Unwritten::Refused));
        Self { granted: done.unwrap_or_default(), refused }
    }
}

/// An answer that comes before the end, if it does.
pub(super) async fn before<T>(end: &CancellationToken, answer: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        answer = answer => Some(answer),
        () = end.cancelled() => None,
    }
}

fn answer(note: Note, granted: &mut HashSet<Grant>) {
    // Whoever is gone needs no answer: a courier that ended has settled its mails already.
    if let Some(durable) = note.durable {
        let _ = durable.send(());
    }
    if let Some(to) = note.answer {
        let mut grants = Grants::default();
        for claim in note.intents.iter().map(|intent| (intent.id, intent.fence)) {
            match granted.take(&claim) {
                Some(grant) => grants.granted.push(grant),
                None => grants.denied.push(claim),
            }
        }
        let _ = to.send(grants);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_is_there_counts_even_at_the_end_and_one_that_never_comes_holds_nobody_up() {
        let end = CancellationToken::new();
        let mut waiting = Box::pin(before(&end, std::future::pending::<()>()));
        assert!(tokio::time::timeout(Duration::ZERO, &mut waiting).await.is_err());
        end.cancel();
        assert_eq!(waiting.await, None);
        assert_eq!(before(&end, async { 7 }).await, Some(7));
    }
}
