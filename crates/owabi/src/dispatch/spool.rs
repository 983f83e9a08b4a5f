//! The spool file: outcomes that the database did not take before the end, for the next run.
//!
//! One JSON line an outcome. It is written only when a stop was asked for while the database was away; relays' replies
//! stand in it, so that nobody else may read it. Whoever reads or writes it holds its lock: several daemons of one
//! machine may share it, and a crash leaves it as it was.

use crate::clock::now_ms;
use owabi_store::{Group, Settle, Store, StoreError};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Outcomes that are recorded together when the file is read.
const GROUP: usize = 500;

/// Where the spool file lies, whether there is one or not.
#[derive(Clone, Debug)]
pub(super) struct Spool {
    file: PathBuf,
}

impl Spool {
    /// Each queue has its own file: rows have the same small numbers in every queue.
    pub(super) fn of(path: &Path, queue_id: &str) -> Self {
        Self { file: path.with_added_extension(queue_id) }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Says at the start, not at the end, when no spool file could be written.
    pub(super) fn warn_unless_usable(&self) {
        let file = self.file.display();
        if let Err(error) = rustix::fs::access(folder(&self.file), rustix::fs::Access::WRITE_OK) {
            tracing::warn!(%file, %error, "dispatch.spool cannot be written: after a stop without database outcomes would be in doubt");
        }
    }

    /// Adds outcomes, on the disk when it returns. All of them or none.
    pub(super) fn keep(&self, settles: &[Settle]) -> io::Result<()> {
        append(&self.file, &lines(settles)?)
    }

    /// Records what an earlier run left, as far as its claims still stand. What came too late, or cannot be read, is kept
    /// in files beside it.
    ///
    /// # Errors
    /// The database's; the file then stays as it is, and may be recorded again. A file that cannot be opened is left alone and said.
    pub(super) async fn record(&self, store: &Store) -> Result<(), StoreError> {
        let file = self.file.display();
        let (held, text) = match open_locked(&self.file) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::error!(%file, %error, "the spool file cannot be read; it is left as it is, its mails are in doubt");
                return Ok(());
            }
        };
        let (settles, unreadable) = parse(&text);
        let late = record_all(store, &settles).await?;
        let (recorded, late_ones, unreadable_ones) = (settles.len() - late.len(), late.len(), unreadable.len());
        tracing::warn!(%file, recorded, late = late_ones, unreadable = unreadable_ones, "outcomes of an earlier run came from the spool file");
        match self.clear(&late, &unreadable) {
            Ok(()) => {}
            Err(error) => tracing::error!(%file, %error, "the spool file stays, although it is recorded"),
        }
        drop(held);
        Ok(())
    }

    /// Everything in it is recorded or lies beside it: the file goes.
    fn clear(&self, late: &[Settle], unreadable: &[&[u8]]) -> io::Result<()> {
        let unreadable: Vec<&[u8]> = unreadable.iter().flat_map(|line| [line, &b"\n"[..]]).collect();
        for (end, text) in [("late", lines(late)?), ("unreadable", unreadable.concat())] {
            if !text.is_empty() {
                append(&self.beside(end), &text)?;
            }
        }
        std::fs::remove_file(&self.file)
    }

    fn beside(&self, end: &str) -> PathBuf {
        self.file.with_added_extension(end)
    }
}

/// Records what it can; gives back what came too late. An outcome that the database refuses costs no other its place.
async fn record_all(store: &Store, settles: &[Settle]) -> Result<Vec<Settle>, StoreError> {
    let mut late = Vec::new();
    for group in settles.chunks(GROUP) {
        match record_group(store, group).await {
            Err(StoreError::Refused(_)) => {
                for settle in group.chunks(1) {
                    match record_group(store, settle).await {
                        Err(StoreError::Refused(error)) => {
                            tracing::error!(row = settle[0].id, %error, "the database refuses an outcome of the spool file");
                            late.extend_from_slice(settle);
                        }
                        done => late.extend(done?),
                    }
                }
            }
            done => late.extend(done?),
        }
    }
    Ok(late)
}

async fn record_group(store: &Store, settles: &[Settle]) -> Result<Vec<Settle>, StoreError> {
    let mut group = Group { settles: settles.to_vec(), intents: Vec::new() };
    let recorded = store.record(&group, now_ms(), i64::MAX, true).await?;
    group.settles.retain(|settle| !recorded.settled.contains(&settle.claim()));
    Ok(group.settles)
}

fn lines(settles: &[Settle]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for settle in settles {
        serde_json::to_writer(&mut text, settle)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// The outcomes, and the lines that are none.
fn parse(text: &[u8]) -> (Vec<Settle>, Vec<&[u8]>) {
    let (mut settles, mut unreadable) = (Vec::new(), Vec::new());
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(settle) => settles.push(settle),
            Err(_) => unreadable.push(line),
        }
    }
    (settles, unreadable)
}

/// The file, locked, and what stands in it; none when there is none, or when another daemon is reading it.
fn open_locked(path: &Path) -> io::Result<Option<(File, Vec<u8>)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) if lies_at(&file, path) => {}
        Ok(()) | Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(Some((file, text)))
}

/// The file was not removed, or replaced, by whoever had the lock before.
fn lies_at(file: &File, path: &Path) -> bool {
    let of = |data: &std::fs::Metadata| (data.dev(), data.ino());
    matches!((file.metadata(), std::fs::metadata(path)), (Ok(open), Ok(there)) if of(&open) == of(&there))
}

fn append(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = loop {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        file.lock()?;
        if lies_at(&file, path) {
            break file;
        }
    };
    let length = file.metadata()?.len();
    if let Err(error) = file.write_all(text) {
        // Half a line would spoil the next one.
        file.set_len(length)?;
        return Err(error);
    }
    file.sync_all()?;
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filled::released;
    use owabi_core::lifecycle::Status;
    use owabi_core::reply::Reply;
    use owabi_store::{Claimed, Intent, LogFilter, OpenOptions};
    use std::os::unix::fs::PermissionsExt;

    const NOTICE: &str = "n1";

    /// A queue with members whose mails are under way, and a place for a spool file.
    struct Place {
        folder: tempfile::TempDir,
        store: Store,
        claimed: Vec<Claimed>,
    }

    impl Place {
        async fn with(members: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", folder.path().join("owabi.db").display());
            let store = Store::open(&OpenOptions::new(url)).await.unwrap();
            released(&store, NOTICE, members).await;
            let claimed = store.claim(NOTICE, 20, 600_000, 10_000).await.unwrap();
            let intents = claimed.iter().map(intent).collect();
            store.record(&Group { intents, ..Group::default() }, 20, 0, false).await.unwrap();
            Self { folder, store, claimed }
        }

        fn spool(&self) -> Spool {
            Spool::of(&self.path("owabi"), "spool")
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn read(&self, name: &str) -> Option<String> {
            std::fs::read_to_string(self.path(name)).ok()
        }

        fn accepted(&self) -> Vec<Settle> {
            self.claimed.iter().map(accepted).collect()
        }

        async fn count(&self, status: Status) -> i64 {
            self.store.counts().await.unwrap()[NOTICE].get(&status).copied().unwrap_or(0)
        }
    }

    fn intent(row: &Claimed) -> Intent {
        let text = |text: &str| text.to_owned();
        Intent {
            id: row.id,
            fence: row.fence,
            relay: text("main"),
            rcpt_to: text("u@example.jp"),
            message_id: text("m@example.jp"),
            envid: text("e"),
            mail_sha256: text("ab"),
            mail_bytes: 1,
        }
    }

    fn accepted(row: &Claimed) -> Settle {
        Settle {
            id: row.id,
            fence: row.fence,
            at: 30,
            outcome: "accepted".into(),
            status: Status::Accepted,
            due_at: None,
            spent: true,
            reason: None,
            plain_form: false,
            phase: Some("dot".into()),
            reply: Some(Reply::new(250, "2.0.0 Ok: queued as 4ZV\n\"x\" 受付")),
            detail: None,
            tls: None,
            duration_ms: 7,
        }
    }

    #[tokio::test]
    async fn what_was_kept_is_recorded_exactly_once_and_the_file_is_gone() {
        let place = Place::with(1_200).await;
        let all = place.accepted();
        // Two daemons of one machine, or two groups of one.
        place.spool().keep(&all[..700]).unwrap();
        place.spool().keep(&all[700..]).unwrap();
        let mode = std::fs::metadata(place.path("owabi.spool")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "relays' words stand in it");
        place.spool().record(&place.store).await.unwrap();
        assert_eq!(place.count(Status::Accepted).await, 1_200);
        let log = place.store.log_after(&LogFilter::default(), (0, 0), 10_000).await.unwrap();
        assert_eq!((log.len(), log[0].at, log[0].duration_ms), (1_200, 30, Some(7)));
        assert_eq!(log[0].reply, all[0].reply.as_ref().map(|reply| reply.text.clone()));
        assert!(place.read("owabi.spool").is_none() && place.read("owabi.spool.late").is_none());
        place.spool().record(&place.store).await.unwrap();
    }

    #[tokio::test]
    async fn outcomes_of_another_queue_are_not_taken_for_ours() {
        let (place, other) = (Place::with(1).await, Place::with(1).await);
        let path = place.path("spool");
        let of = async |store: &Store| Spool::of(&path, &store.queue_id().await.unwrap());
        let (ours, theirs) = (of(&place.store).await, of(&other.store).await);
        theirs.keep(&other.accepted()).unwrap();
        ours.record(&place.store).await.unwrap();
        assert_eq!(place.count(Status::Sending).await, 1, "the same row and fence, and nobody was told");
        theirs.record(&other.store).await.unwrap();
        assert_eq!(other.count(Status::Accepted).await, 1);
    }

    #[tokio::test]
    async fn a_run_that_was_killed_before_it_removed_the_file_is_repeated_without_harm() {
        let place = Place::with(3).await;
        place.spool().keep(&place.accepted()).unwrap();
        let text = place.read("owabi.spool").unwrap();
        place.spool().record(&place.store).await.unwrap();
        std::fs::write(place.path("owabi.spool"), text).unwrap();
        place.spool().record(&place.store).await.unwrap();
        assert!(place.read("owabi.spool").is_none() && place.read("owabi.spool.late").is_none());
        let log = place.store.log_after(&LogFilter::default(), (0, 0), 100).await.unwrap();
        assert_eq!((log.len(), place.count(Status::Accepted).await), (3, 3), "no attempt is there twice");
    }

    #[tokio::test]
    async fn an_outcome_whose_lease_was_over_changes_nothing_and_lies_beside_the_file() {
        let place = Place::with(3).await;
        place.spool().keep(&place.accepted()).unwrap();
        let in_time = Group { settles: place.accepted()[1..].to_vec(), intents: Vec::new() };
        place.store.record(&in_time, 30, 0, false).await.unwrap();
        place.store.take_over(&[(NOTICE.to_owned(), None)], i64::MAX, 40).await.unwrap();
        place.spool().record(&place.store).await.unwrap();
        assert_eq!((place.count(Status::Accepted).await, place.count(Status::InDoubt).await), (2, 1));
        let late = place.read("owabi.spool.late").unwrap();
        assert_eq!(serde_json::from_str::<Settle>(&late).unwrap(), place.accepted()[0]);
        assert!(place.read("owabi.spool").is_none());
    }

    #[tokio::test]
    async fn an_outcome_that_the_database_refuses_costs_no_other_its_place() {
        let place = Place::with(3).await;
        let mut settles = place.accepted();
        settles[1].outcome = "no such outcome".into();
        place.spool().keep(&settles).unwrap();
        place.spool().record(&place.store).await.unwrap();
        assert_eq!((place.count(Status::Accepted).await, place.count(Status::Sending).await), (2, 1));
        assert!(place.read("owabi.spool.late").unwrap().contains("no such outcome"));
    }

    #[tokio::test]
    async fn a_line_that_cannot_be_read_is_kept_and_spoils_no_other() {
        let place = Place::with(2).await;
        place.spool().keep(&place.accepted()).unwrap();
        let whole = place.read("owabi.spool").unwrap();
        let (first, second) = whole.as_bytes().split_at(whole.find('\n').unwrap() + 1);
        let half = &second[..second.len() - 9];
        std::fs::write(place.path("owabi.spool"), [b"\xff\xfe\n", first, half].concat()).unwrap();
        place.spool().record(&place.store).await.unwrap();
        assert_eq!((place.count(Status::Accepted).await, place.count(Status::Sending).await), (1, 1));
        let unreadable = std::fs::read(place.path("owabi.spool.unreadable")).unwrap();
        assert_eq!(unreadable, [b"\xff\xfe\n", half, b"\n"].concat());
        assert!(place.read("owabi.spool").is_none() && place.read("owabi.spool.late").is_none());
    }

    #[tokio::test]
    async fn a_spool_that_cannot_be_read_at_all_is_left_alone_and_the_run_goes_on() {
        let place = Place::with(1).await;
        std::fs::create_dir(place.path("owabi.spool")).unwrap();
        place.spool().record(&place.store).await.unwrap();
        assert!(place.path("owabi.spool").is_dir());
        place.spool().keep(&place.accepted()).unwrap_err();
    }

    #[tokio::test]
    async fn while_the_database_takes_nothing_the_file_stays_as_it_was() {
        let place = Place::with(1).await;
        place.spool().keep(&place.accepted()).unwrap();
        let text = place.read("owabi.spool");
        place.store.close().await;
        place.spool().record(&place.store).await.unwrap_err();
        assert!(text.is_some() && place.read("owabi.spool") == text);
    }

    #[tokio::test]
    async fn a_file_that_another_daemon_is_reading_is_left_to_it() {
        let place = Place::with(1).await;
        place.spool().keep(&place.accepted()).unwrap();
        let (reading, _) = open_locked(&place.path("owabi.spool")).unwrap().unwrap();
        place.spool().record(&place.store).await.unwrap();
        assert_eq!(place.count(Status::Accepted).await, 0);
        drop(reading);
        place.spool().record(&place.store).await.unwrap();
        assert_eq!(place.count(Status::Accepted).await, 1);
    }
}
