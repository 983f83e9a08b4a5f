//! The newest head outside the database, beside the key or the spool file: whoever cuts off seals, or all of them, does not reach it.
//!
//! One line a queue, mode 0600, replaced as a whole.

use crate::config::Config;
use owabi_core::ledger::{Head, Seal};
use owabi_store::{Store, StoreError};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// What says that a database may be older than what was sent from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Older {
    /// The head that was noted is not in its chain of seals.
    Than(Head),
    /// It has seals, and none of them was ever noted here: the file may have come to a new machine, from any time. Daemons on a shared
    /// database may well begin on a new host.
    Unknown,
    /// The same, since what was noted cannot be read: why.
    Unreadable(String),
}

/// The file of the newest head.
#[derive(Clone, Debug)]
pub struct Noted {
    file: PathBuf,
    /// Said once.
    failed: bool,
}

impl Noted {
    /// The file beside the key's. Beside a credential of systemd nothing can be written: then beside the spool file, with the ending
    /// `.head` in the place of its own.
    pub fn of(config: &Config) -> Self {
        if config.ledger.key_credential.is_some() {
            return Self::at(config.dispatch.spool.with_extension("head"));
        }
        let mut name = config.ledger.key_file.clone().into_os_string();
        name.push(".head");
        Self::at(name.into())
    }

    /// This file.
    pub fn at(file: PathBuf) -> Self {
        Self { file, failed: false }
    }

    /// The file, for people.
    pub fn place(&self) -> String {
        self.file.display().to_string()
    }

    /// Whether the queue may be older than the head that was noted, or another one was put in its place.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn older(&self, store: &Store, queue: &str) -> Result<Option<Older>, StoreError> {
        // First the seals: a daemon that begins notes before it seals.
        let must_be_noted = !store.is_shared() && store.newest_seal().await?.is_some();
        let head = match self.look(queue) {
            Ok(Some(head)) if head.number > 0 => head,
            Ok(None) if must_be_noted => return Ok(Some(Older::Unknown)),
            Err(error) if must_be_noted => return Ok(Some(Older::Unreadable(error.to_string()))),
            _ => return Ok(None),
        };
        let there = store.seals_after(head.number - 1, 1).await?.into_iter().next();
        let holds = there.is_some_and(|seal| seal.number == head.number && Seal::hash_of(&seal.text) == head.hash);
        Ok((!holds).then_some(Older::Than(head)))
    }

    /// The head of this queue that was noted last, if it can be read.
    pub fn read(&self, queue: &str) -> Option<Head> {
        self.look(queue).ok().flatten()
    }

    fn look(&self, queue: &str) -> io::Result<Option<Head>> {
        Ok(self.text()?.lines().filter_map(Head::find).find(|head| head.queue == queue))
    }

    /// All lines; none where there is no file.
    fn text(&self) -> io::Result<String> {
        match fs::read_to_string(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            text => text,
        }
    }

    /// Whether a sealed head of any queue was noted; one that may not be read was.
    pub fn any(&self) -> bool {
        match fs::read_to_string(&self.file) {
            Ok(text) => text.lines().filter_map(Head::find).any(|head| head.number > 0),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Notes that this queue begins with `head`, unless one was noted: a crash right after the first seal leaves a note.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin(&self, head: &Head) -> io::Result<()> {
        if self.look(&head.queue)?.is_some() { Ok(()) } else { self.replace(head) }
    }

    /// Puts the head of this queue aside, so that another chain may go on: its line is appended to a file beside, which is named.
    ///
    /// # Errors
    /// When that file or this one cannot be written.
    pub fn put_aside(&self, head: &Head) -> io::Result<PathBuf> {
        let mut name = self.file.clone().into_os_string();
        name.push(".before-restore");
        let aside = PathBuf::from(name);
        let mut kept = OpenOptions::new().append(true).create(true).mode(0o600).open(&aside)?;
        writeln!(kept, "{head}")?;
        kept.sync_all()?;
        self.rewrite(&head.queue, None)?;
        Ok(aside)
    }

    /// Notes a head. What cannot be written is said once: sealing goes on.
    pub fn write(&mut self, head: &Head) {
        let written = self.replace(head);
        if let Err(error) = &written
            && !self.failed
        {
            let file = self.place();
            tracing::warn!(file, error = %error, "the head of the ledger cannot be noted outside of the database");
        }
        self.failed = written.is_err();
    }

    /// The failure of whoever must not go on without the note.
    pub fn cannot_be_written(&self, error: &io::Error) -> StoreError {
        StoreError::NoNote(format!("{}: {error}", self.place()))
    }

    /// Notes a head in the place of the one before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn replace(&self, head: &Head) -> io::Result<()> {
        self.rewrite(&head.queue, Some(head))
    }

    /// The lines of the other queues, and this one's.
    fn rewrite(&self, queue: &str, head: Option<&Head>) -> io::Result<()> {
        let text = self.text()?;
        let others = text.lines().filter(|line| Head::find(line).is_some_and(|other| other.queue != queue));
        let others = others.map(|line| format!("{line}\n"));
        let lines: String = others.chain(head.map(|head| format!("{head}\n"))).collect();
        let mut name = self.file.clone().into_os_string();
        name.push(format!(".{}.new", std::process::id()));
        let beside = PathBuf::from(name);
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            self.keep_owner(&file)?;
            file.write_all(lines.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.file)?;
            fs::File::open(self.folder())?.sync_all()
        };
        let written = write();
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    /// What root writes stays the daemon's.
    fn keep_owner(&self, file: &fs::File) -> io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let of = fs::metadata(&self.file).or_else(|_| fs::metadata(self.folder()))?;
        fchown(file, Some(of.uid()), Some(of.gid()))
    }

    fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}
