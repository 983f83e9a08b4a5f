//! Reads a log file on from where it was left, through every way of rotating it.
//!
//! - Renamed: the old file stays open and is read until something stands in the new one; its writer has gone over then.
//! - Copied and truncated: the place is looked for in the copy, and the log begins anew.
//! - While nobody read: the place is looked for by inode and by the file's beginning, then come all files that were written
//!   later, then the log. What was compressed meanwhile cannot be read; that is said.
//!
//! The Message-IDs of mails under way are in memory only; a new reader reads the last [`BEFORE`] octets before its place for them.

use super::lines::Lines;
use super::pieces::{Piece, Then};
use super::place::{self, Place};
use owabi_core::maillog::{LONGEST_LINE, Log};
use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Octets before the place that are read again for what they say of mails still under way.
const BEFORE: u64 = 64 << 20;

const GONE: &str = "the log was rotated, and the part that was being read is gone or compressed: some receipts may be missed; unpack it and read it with owabi track maillog";
const COMPRESSED: &str = "the log was rotated and compressed before it was read: some receipts may be missed; unpack it and read it with owabi track maillog";

/// A log file and all that it was before.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    log: Log,
    /// Where the last piece ended; `None`: nothing was ever read.
    place: Option<Place>,
    open: Option<Open>,
    /// Files to be read after the open one; the log itself is the last.
    later: VecDeque<File>,
    /// What cannot be read any more, until a piece tells it.
    lost: Option<&'static str>,
}

#[derive(Debug)]
struct Open {
    lines: Lines<File>,
    /// Where the line in hand begins.
    offset: u64,
    /// It was read to its end after its successor had been seen: nobody writes to it any more.
    finished: bool,
}

impl Open {
    fn at(mut file: File, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { lines: Lines::new(file, LONGEST_LINE), offset, finished: false })
    }

    fn file(&self) -> &File {
        self.lines.inner()
    }

    fn place(&self) -> io::Result<Place> {
        Place::of(self.file(), self.offset)
    }
}

impl Reader {
    /// Reads `path` from `resume` on; from its beginning when it was never read.
    pub(super) fn new(path: &Path, resume: Option<Place>) -> Self {
        Self {
            path: path.to_owned(),
            log: Log::default(),
            place: resume,
            open: None,
            later: VecDeque::new(),
            lost: None,
        }
    }

    /// The next piece.
    pub(super) fn piece(&mut self) -> io::Result<Piece> {
        let mut piece = Piece::default();
        self.begin()?;
        if self.open.is_none() {
            piece.then = Then::Missing;
        }
        while let Some(open) = &mut self.open {
            let before = piece.octets;
            let ended = piece.fill(&mut open.lines, &mut self.log)?;
            open.offset += piece.octets - before;
            if !ended {
                break;
            }
            if let Some(then) = self.at_the_end(&mut piece)? {
                piece.then = then;
                break;
            }
        }
        if let Some(open) = &self.open {
            let place = open.place()?;
            piece.place = Some(serde_json::to_string(&place)?);
            self.place = Some(place);
        }
        piece.lost = self.lost.take();
        Ok(piece)
    }

    /// Opens what is to be read, unless it is open already and still begins as it did.
    fn begin(&mut self) -> io::Result<()> {
        match (&self.open, self.place.clone()) {
            (Some(open), Some(place)) if !place.is_untouched() && place.is_in(open.file())? => Ok(()),
            (_, Some(place)) => self.go_to(&place),
            (_, None) => {
                self.open = place::open(&self.path)?.map(|log| Open::at(log, 0)).transpose()?;
                Ok(())
            }
        }
    }

    /// Opens the file that holds `place`, else all that was written since.
    fn go_to(&mut self, place: &Place) -> io::Result<()> {
        self.open = None;
        self.later.clear();
        if let Some(file) = place::find(&self.path, place)? {
            self.remember_before(&file, place.offset)?;
            self.open = Some(Open::at(file, place.offset)?);
            return Ok(());
        }
        let Some(log) = place::open(&self.path)? else { return Ok(()) };
        if !place.is_untouched() {
            self.lost = Some(GONE);
        }
        self.plan(log, place.written, None)?;
        self.open_next()
    }

    /// Feeds what stands before the place to the log; soon after a rotation much of it stands in the file before.
    fn remember_before(&mut self, file: &File, offset: u64) -> io::Result<()> {
        // A folder that we may not list is no reason not to read on.
        if let Some(room) = BEFORE.checked_sub(offset)
            && let Ok(Some(earlier)) = place::before(&self.path, &file.metadata()?)
        {
            let end = earlier.metadata()?.len();
            remember(earlier, end.saturating_sub(room), end, &mut self.log)?;
        }
        remember(file.try_clone()?, offset.saturating_sub(BEFORE), offset, &mut self.log)
    }

    /// The end of the open file: `None`, read on; else how it stands.
    fn at_the_end(&mut self, piece: &mut Piece) -> io::Result<Option<Then>> {
        let Some(open) = &mut self.open else { return Ok(Some(Then::Missing)) };
        if !self.later.is_empty() {
            self.finish(piece)?;
            return Ok(None);
        }
        let about = open.file().metadata()?;
        let Some(log) = metadata(&self.path)? else { return Ok(Some(Then::Missing)) };
        // An empty one: its writer may not have gone over yet.
        if place::is_same(&about, &log) || log.len() == 0 {
            return Ok(Some(Then::End));
        }
        if !open.finished {
            open.finished = true;
            return Ok(None);
        }
        let Some(log) = place::open(&self.path)? else { return Ok(Some(Then::Missing)) };
        let written = open.place()?.written;
        self.plan(log, written, Some(&about))?;
        self.finish(piece)?;
        Ok(None)
    }

    /// What is read next: the files written since, without the one that was read, and the log.
    fn plan(&mut self, log: File, since: i64, without: Option<&Metadata>) -> io::Result<()> {
        let about = log.metadata()?;
        let rotated = place::rotated(&self.path, since)?;
        if rotated.compressed > 0 {
            self.lost = Some(COMPRESSED);
        }
        for file in rotated.files {
            let other = file.metadata()?;
            if !place::is_same(&other, &about) && without.is_none_or(|read| !place::is_same(&other, read)) {
                self.later.push_back(file);
            }
        }
        // As long as it is empty, its writer may still be at the one before.
        if about.len() > 0 || self.later.is_empty() {
            self.later.push_back(log);
        }
        Ok(())
    }

    /// Nothing more comes into the open file: what stands after its last line's end is a line, too.
    fn finish(&mut self, piece: &mut Piece) -> io::Result<()> {
        if let Some(open) = &self.open
            && !open.lines.line().is_empty()
        {
            piece.add(open.lines.line(), None, &mut self.log);
        }
        self.open_next()
    }

    fn open_next(&mut self) -> io::Result<()> {
        self.open = self.later.pop_front().map(|file| Open::at(file, 0)).transpose()?;
        Ok(())
    }
}

/// Feeds what stands between two offsets to the log, for the mails that are still under way; what it says was taken before.
fn remember(mut file: File, from: u64, to: u64, log: &mut Log) -> io::Result<()> {
    file.seek(SeekFrom::Start(from))?;
    let mut lines = Lines::new(file.try_clone()?.take(to.saturating_sub(from)), LONGEST_LINE);
    if from > 0 {
        lines.next()?;
    }
    while lines.next()? {
        log.line(lines.line(), None);
    }
    Ok(())
}

fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

#[cfg(test)]
mod tests;
