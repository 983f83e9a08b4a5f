//! Where the reading of a log file left off, so that it is found again whatever became of the file's name.

use owabi_core::ids::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Octets at the beginning of a file that tell it from every other: the first lines of a log hold times and process ids.
pub(super) const HEAD: u64 = 1024;
/// Ends of names of files that cannot be read as they are.
const COMPRESSED: [&str; 6] = ["gz", "bz2", "xz", "zst", "lz4", "Z"];

/// A place in a file: what was before it has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Device and inode: the same file under another name. Both are given anew, so that they alone prove nothing.
    pub(super) device: u64,
    pub(super) inode: u64,
    /// The beginning of the line that comes next.
    pub(super) offset: u64,
    /// SHA-256 of the file's beginning: the first [`HEAD`] octets, or `offset` octets if these are fewer.
    pub(super) head: String,
    /// When the file was written last before this was read: epoch milliseconds.
    pub(super) written: i64,
}

impl Place {
    /// The place at `offset` of an open file.
    pub(super) fn of(file: &File, offset: u64) -> io::Result<Self> {
        let about = file.metadata()?;
        let head = head(file, offset)?.unwrap_or_default();
        Ok(Self { device: about.dev(), inode: about.ino(), offset, head, written: written(&about) })
    }

    /// Nothing was read of the file: any other may be taken for it, and it may have been copied and truncated since.
    pub(super) fn is_untouched(&self) -> bool {
        self.offset == 0
    }

    /// Whether this file begins as the one that was read did, and reaches as far.
    pub(super) fn is_in(&self, file: &File) -> io::Result<bool> {
        Ok(head(file, self.offset)?.is_some_and(|head| head == self.head) && file.metadata()?.len() >= self.offset)
    }
}

/// The hash that a place at `offset` has; `None`: the file is shorter than that.
fn head(file: &File, offset: u64) -> io::Result<Option<String>> {
    let mut octets = vec![0; usize::try_from(offset.min(HEAD)).unwrap_or_default()];
    match file.read_exact_at(&mut octets, 0) {
        Ok(()) => Ok(Some(hex(&Sha256::digest(&octets)))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// When a file was written last, epoch milliseconds.
fn written(about: &Metadata) -> i64 {
    let since = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The rotated files of a log: `mail.log.1`, `mail.log-20261122`.
#[derive(Debug, Default)]
pub(super) struct Rotated {
    /// Those that can be read, the one that was written last at the end.
    pub(super) files: Vec<File>,
    /// How many are compressed.
    pub(super) compressed: usize,
}

/// The rotated files that were written after `since` (epoch milliseconds), and those of this very millisecond as well where
/// they can be read: reading too much changes nothing.
pub(super) fn rotated(log: &Path, since: i64) -> io::Result<Rotated> {
    let (mut files, mut compressed) = (Vec::new(), 0);
    for path in siblings(log)? {
        let Ok(about) = fs::metadata(&path) else { continue };
        let at = written(&about);
        if is_compressed(&path) {
            compressed += usize::from(at > since);
        } else if at >= since
            && let Ok(Some(file)) = open(&path)
        {
            files.push((at, file));
        }
    }
    // Names come in ascending order and the higher number is the older file.
    files.reverse();
    files.sort_by_key(|(at, _)| *at);
    Ok(Rotated { files: files.into_iter().map(|(_, file)| file).collect(), compressed })
}

/// The rotated file that was written last before this one was.
pub(super) fn before(log: &Path, file: &Metadata) -> io::Result<Option<File>> {
    let until = written(file);
    let mut found = None;
    for earlier in rotated(log, 0)?.files {
        let about = earlier.metadata()?;
        if !is_same(&about, file) && written(&about) < until {
            found = Some(earlier);
        }
    }
    Ok(found)
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|end| COMPRESSED.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

/// The file that holds `place`, among the log and its rotated files: the same inode first, since a copy holds it as well. An
/// untouched one cannot be found.
pub(super) fn find(log: &Path, place: &Place) -> io::Result<Option<File>> {
    if place.is_untouched() {
        return Ok(None);
    }
    if let Some((file, true)) = holding(log, place)? {
        return Ok(Some(file));
    }
    let mut found = None;
    for path in siblings(log)? {
        // Old files that we may not read are no reason not to read on.
        match holding(&path, place) {
            Ok(Some((file, true))) => return Ok(Some(file)),
            Ok(Some((file, false))) => found = Some(file),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(found)
}

/// The file, if it holds `place`, and whether it is the very same file.
fn holding(path: &Path, place: &Place) -> io::Result<Option<(File, bool)>> {
    let Some(file) = open(path)? else { return Ok(None) };
    let about = file.metadata()?;
    let same = (about.dev(), about.ino()) == (place.device, place.inode);
    Ok(place.is_in(&file)?.then_some((file, same)))
}

/// Opens a log file; `None`: there is none by this name. What is no regular file is refused: opening a pipe could wait for ever.
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    let opened = fs::metadata(path).and_then(|about| {
        if about.is_file() { File::open(path) } else { Err(io::Error::other("is not a regular file")) }
    });
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// Whether both are the same file, whatever it holds.
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn siblings(log: &Path) -> io::Result<Vec<PathBuf>> {
    let log = resolved(log);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder(&log))? {
        found.push(entry?.path());
    }
    found.retain(|path| is_rotated(&log, path));
    found.sort();
    Ok(found)
}

/// `mail.log.1`, `mail.log-20261122`, and with logrotate's `extension`: `mail-20261122.log`.
fn is_rotated(log: &Path, path: &Path) -> bool {
    let after = |start: Option<&OsStr>| {
        let rest = path.file_name()?.as_encoded_bytes().strip_prefix(start?.as_encoded_bytes())?;
        rest.split_first().filter(|(mark, _)| matches!(mark, b'.' | b'-'))
    };
    let is_dated = |rest: &[u8]| rest.first().is_some_and(u8::is_ascii_digit);
    after(log.file_name()).is_some()
        || (path.extension() == log.extension() && after(log.file_stem()).is_some_and(|(_, rest)| is_dated(rest)))
}

/// Where the log really lies: its rotated files lie there, too.
pub(super) fn resolved(log: &Path) -> PathBuf {
    fs::canonicalize(log).unwrap_or_else(|_| log.to_owned())
}

/// The folder of a log file.
pub(super) fn folder(log: &Path) -> &Path {
    log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_known_by_their_names() {
        let log = Path::new("/var/log/mail.log");
        for name in [
            "mail.log.1",
            "mail.log-20261122",
            "mail.log.20261122-183947",
            "mail-20261122.log",
            "mail.2.log",
            "mail.log.2.gz",
        ] {
            assert!(is_rotated(log, &log.with_file_name(name)), "{name}");
        }
        for name in ["mail.log", "mail.err", "mail.info", "mail-errors.log", "mail.logs", "daemon.log.1", "xmail.log.1"]
        {
            assert!(!is_rotated(log, &log.with_file_name(name)), "{name}");
        }
        let plain = Path::new("/var/log/maillog");
        assert!(is_rotated(plain, Path::new("/var/log/maillog-20261122")));
        assert!(!is_rotated(plain, Path::new("/var/log/maillog2")));
    }
}
