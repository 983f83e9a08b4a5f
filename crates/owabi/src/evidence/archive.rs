//! Reads a bundle that may be hostile: nothing is unpacked, names and sizes are bounded.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zip::ZipArchive;

/// Files in a bundle at the most: two for each seal.
const FILES: usize = 4_000_000;
/// How many times larger than the bundle all its files together may be: ledgers repeat themselves a lot, bombs more.
const RATIO: u64 = 200;
/// What a small bundle may hold whatever its size.
const ALWAYS: u64 = 64 << 20;
/// A file that is read whole.
const SMALL: u64 = 64 << 20;
/// Octets of one line, or of one record.
pub(super) const LINE: usize = 8 << 20;

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be opened, or is no zip.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It holds two files of the same name, or files that overlap.
    #[error("it holds files that overlap, or two of the same name")]
    Twice,
    /// A name that leads out of it, or that no bundle has.
    #[error("it holds a file that no bundle has: {0:?}")]
    Name(String),
    /// It would unpack to much more than a bundle can hold.
    #[error("it is too large")]
    TooLarge,
    /// A file is missing.
    #[error("{0} is missing")]
    Missing(String),
    /// A file cannot be unpacked.
    #[error("{0} cannot be unpacked: {1}")]
    File(String, io::Error),
}

/// Where the octets are.
#[derive(Clone, Debug)]
enum Octets {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// A bundle.
#[derive(Clone, Debug)]
pub struct Archive {
    octets: Octets,
    names: BTreeSet<String>,
}

impl Archive {
    /// The bundle in a file.
    ///
    /// # Errors
    /// Everything but `Missing` and `File`.
    pub fn open(file: &Path) -> Result<Self, ArchiveError> {
        Self::looked_at(Octets::File(file.to_owned()))
    }

    /// The bundle in these octets.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of(octets: Arc<[u8]>) -> Result<Self, ArchiveError> {
        Self::looked_at(Octets::Memory(octets))
    }

    fn looked_at(octets: Octets) -> Result<Self, ArchiveError> {
        let unreadable = |error: &dyn std::fmt::Display| ArchiveError::Unreadable(error.to_string());
        let (reader, size) = octets.reader().map_err(|error| unreadable(&error))?;
        let mut zip = ZipArchive::new(reader).map_err(|error| unreadable(&error))?;
        if zip.len() > FILES {
            return Err(ArchiveError::TooLarge);
        }
        if zip.has_duplicate_names() || zip.has_overlapping_files().map_err(|error| unreadable(&error))? {
            return Err(ArchiveError::Twice);
        }
        let (mut names, mut whole) = (BTreeSet::new(), 0_u64);
        for at in 0..zip.len() {
            let file = zip.by_index_raw(at).map_err(|error| unreadable(&error))?;
            let name = file.name().map_err(|error| unreadable(&error))?.into_owned();
            whole = whole.saturating_add(file.size());
            let folder = name.strip_suffix('/').is_some_and(is_folder) && file.size() == 0;
            if !(folder || is_ours(&name)) || file.is_symlink() || file.encrypted() {
                return Err(ArchiveError::Name(name));
            }
            if !folder {
                names.insert(name);
            }
        }
        if whole > size.saturating_mul(RATIO).max(ALWAYS) {
            return Err(ArchiveError::TooLarge);
        }
        Ok(Self { octets, names })
    }

    /// The names of its files.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Whether a file is there.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Begins to read one file.
    ///
    /// # Errors
    /// `Missing`, `File`.
    pub(super) fn read<'a>(&self, zip: &'a mut Option<Zip>, name: &str) -> Result<Box<dyn BufRead + 'a>, ArchiveError> {
        if !self.has(name) {
            return Err(ArchiveError::Missing(name.to_owned()));
        }
        let broken = |error: &dyn std::fmt::Display| {
            ArchiveError::File(name.to_owned(), io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
        };
        let zip = match zip {
            Some(zip) => zip,
            none => {
                let (reader, _) = self.octets.reader().map_err(|error| broken(&error))?;
                none.insert(Zip(ZipArchive::new(reader).map_err(|error| broken(&error))?))
            }
        };
        let file = zip.0.by_name(name).map_err(|error| broken(&error))?;
        // Whatever its header says: no more than that is unpacked, and the check sum of less does not fit.
        let size = file.size();
        Ok(Box::new(BufReader::with_capacity(64 * 1024, file.take(size.saturating_add(1)))))
    }

    /// One small file.
    ///
    /// # Errors
    /// `Missing`, `File`, `TooLarge`.
    pub(super) fn small(&self, zip: &mut Option<Zip>, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let mut octets = Vec::new();
        let read = self.read(zip, name)?.take(SMALL + 1).read_to_end(&mut octets);
        read.map_err(|error| ArchiveError::File(name.to_owned(), error))?;
        if octets.len() as u64 > SMALL { Err(ArchiveError::TooLarge) } else { Ok(octets) }
    }
}

/// An opened bundle; one file of it can be read at a time.
pub(super) struct Zip(ZipArchive<Box<dyn ReadSeek>>);

impl Octets {
    fn reader(&self) -> io::Result<(Box<dyn ReadSeek>, u64)> {
        Ok(match self {
            Self::File(path) => {
                let file = File::open(path)?;
                let size = file.metadata()?.len();
                (Box::new(BufReader::new(file)), size)
            }
            Self::Memory(octets) => (Box::new(Cursor::new(Arc::clone(octets))), octets.len() as u64),
        })
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this is a folder of a bundle: it has an entry of its own when another program packed the files again.
fn is_folder(name: &str) -> bool {
    matches!(name, "notice" | "seals") || name.strip_prefix("notice/").is_some_and(digits)
}

/// Whether a bundle may have a file of this name.
fn is_ours(name: &str) -> bool {
    use super::name as of;
    let fixed = [
        of::README,
        of::CHECK,
        of::KEY,
        of::ROSTER,
        of::BATCHES,
        of::RELEASES,
        of::APPROVALS,
        of::PREFLIGHTS,
        of::MAILS,
        of::LEDGER,
        of::PSEUDONYM,
        of::MANIFEST,
        of::SIGNATURE,
    ];
    let of_release = |rest: &str| rest.split_once('/').is_some_and(|(n, file)| digits(n) && of::TEXTS.contains(&file));
    let of_seal = |rest: &str| rest.rsplit_once('.').is_some_and(|(n, end)| digits(n) && ["txt", "sig"].contains(&end));
    fixed.contains(&name)
        || of::REPORT.contains(&name)
        || of::ROWS.iter().any(|(_, file)| *file == name)
        || name.strip_prefix("notice/").is_some_and(of_release)
        || name.strip_prefix("seals/").is_some_and(of_seal)
}

/// Reads the next line without its end; false when there is none. A last line without an end is an error.
pub(super) fn line(from: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = from.take(LINE as u64).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(false);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long, or the last one has no end"));
    }
    Ok(true)
}
