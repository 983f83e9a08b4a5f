//! The files of a Maildir: listed, read, put away.

use super::{Arrival, Verdict};
use crate::receipts::{BATCH, IncomingMail, LARGEST};
use rustix::fs::{CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::collections::{BinaryHeap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names that are held at once; a fuller folder is listed again.
const LISTED: usize = 10_000;
/// Octets that are held at once.
const HELD: u64 = 16 << 20;

/// The folder that holds `new`, `cur` and `tmp`.
#[derive(Clone, Debug)]
pub(super) struct Folder(pub(super) PathBuf);

/// A mail in `new/`, in the order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) at: SystemTime,
    pub(super) name: OsString,
}

#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    pub(super) unreadable: Vec<OsString>,
    /// There were more than could be listed.
    pub(super) more: bool,
}

/// Mails that are handed over together; `entries` and `arrivals` belong to each other one by one.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) unreadable: Vec<OsString>,
    /// What is yet to be read.
    pub(super) rest: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// By us, or it was gone already.
    Yes,
    No,
}

impl Folder {
    pub(super) fn incoming(&self) -> PathBuf {
        self.0.join("new")
    }

    fn cur(&self) -> PathBuf {
        self.0.join("cur")
    }

    /// The oldest mails in `new/` that are not in `known`.
    pub(super) fn list(&self, known: &HashSet<OsString>) -> Result<Listing, String> {
        for folder in [&self.0, &self.incoming(), &self.cur()] {
            check(folder)?;
        }
        let new = self.incoming();
        let cannot = |error: io::Error| format!("{} cannot be listed: {error}", new.display());
        let (mut oldest, mut listing) = (BinaryHeap::new(), Listing::default());
        for item in fs::read_dir(&new).map_err(cannot)? {
            let item = item.map_err(cannot)?;
            let name = item.file_name();
            if known.contains(&name) || name.as_bytes().starts_with(b".") {
                continue;
            }
            match item.metadata() {
                // Links, folders and pipes are no mails, and a link could lead anywhere.
                Ok(about) if !about.is_file() => {}
                Ok(about) => oldest.push(Entry { at: about.modified().unwrap_or(SystemTime::UNIX_EPOCH), name }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => listing.unreadable.push(name),
            }
            if oldest.len() > LISTED {
                oldest.pop();
                listing.more = true;
            }
        }
        listing.entries = oldest.into_sorted_vec();
        Ok(listing)
    }

    /// Reads from the front as much as is held at once. What vanished meanwhile is nobody's any more.
    pub(super) fn read(&self, entries: Vec<Entry>) -> Batch {
        let (mut batch, mut octets) = (Batch::default(), 0);
        let mut entries = entries.into_iter();
        while batch.entries.len() < BATCH && octets + LARGEST <= HELD {
            let Some(entry) = entries.next() else { break };
            match read(&self.incoming().join(&entry.name)) {
                Ok(mail) => {
                    octets += mail.raw.len() as u64;
                    batch.arrivals.push(Arrival::Mail(mail));
                    batch.entries.push(entry);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => batch.unreadable.push(entry.name),
            }
        }
        batch.rest = entries.collect();
        batch
    }

    /// Moves a mail to `cur/` with the flags that say what became of it; nothing there is overwritten.
    pub(super) fn put_away(&self, entry: &Entry, verdict: Verdict) -> Moved {
        let from = self.incoming().join(&entry.name);
        for copy in 0..100 {
            match rename(&from, &self.cur().join(name_in_cur(&entry.name, verdict, copy))) {
                Ok(()) | Err(Errno::NOENT) => return Moved::Yes,
                Err(Errno::EXIST) => {}
                Err(_) => return Moved::No,
            }
        }
        Moved::No
    }
}

fn check(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    match fs::metadata(folder) {
        Ok(about) if about.is_dir() => Ok(()),
        Ok(_) => Err(format!("{shown} is no folder: a Maildir has the folders new, cur and tmp")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!(
            "{shown} does not exist: it comes with the first mail, or make the Maildir (new, cur, tmp) for the account that \
             mail is delivered as"
        )),
        Err(error) => Err(format!("{shown} cannot be read ({error}): let the account that runs owabi into it")),
    }
}

/// A pipe or a link in the file's place would hang us or lead us elsewhere.
fn read(path: &Path) -> io::Result<IncomingMail> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut raw = Vec::new();
    file.take(LARGEST).read_to_end(&mut raw)?;
    let whole_size = about.len().max(raw.len() as u64);
    Ok(IncomingMail { raw, to: None, whole_size })
}

fn rename(from: &Path, to: &Path) -> Result<(), Errno> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems do not know how to leave what is there.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if to.symlink_metadata().is_ok() => Err(Errno::EXIST),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => rustix::fs::rename(from, to),
        done => done,
    }
}

/// `name:2,FS`: flags in the order of ASCII, those that it had already among them.
fn name_in_cur(name: &OsStr, verdict: Verdict, copy: u32) -> OsString {
    let name = name.as_bytes();
    let info = name.windows(3).rposition(|three| three == b":2,");
    let (unique, had) = info.map_or((name, &[][..]), |at| (&name[..at], &name[at + 3..]));
    let mut flags = had.to_vec();
    flags.extend_from_slice(if verdict == Verdict::Review { b"FS" } else { b"S" });
    flags.sort_unstable();
    flags.dedup();
    let mut whole = unique.to_vec();
    if copy > 0 {
        whole.extend_from_slice(format!(".{copy}").as_bytes());
    }
    whole.extend_from_slice(b":2,");
    whole.extend(flags);
    OsString::from_vec(whole)
}
