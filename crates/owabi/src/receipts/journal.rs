//! The relay's log in the systemd journal, read with `journalctl`: passes from a cursor to the end, and a second `journalctl`
//! that says when there is news. A pass that ends by itself is what tells that everything was looked at; following never ends.

mod child;
mod entry;
mod news;

use super::maillog::{Desk, PAUSES, Passage, Piece, Pieces, Then};
use super::patience::Patience;
use super::{Counted, Failed, Intake};
use crate::clock::now_ms;
use child::Journalctl;
use entry::Entry;
use news::News;
use owabi_core::maillog::Log;
use std::ffi::OsString;
use std::io;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The name of the journal as a source.
pub(crate) const SOURCE: &str = "journal";
/// Entries before the cursor that are read again for what they say of mails still under way.
const BEFORE: usize = 50_000;
/// Octets of these entries, as they are printed.
const BEFORE_OCTETS: usize = 64 << 20;

/// Follows the journal until `stop`: reads on from the remembered cursor (from the beginning when there is none) whenever
/// something is logged, and every `poll`. Trouble is told to the intake; then it tries again. `extra` are further arguments of
/// `journalctl`, as `--directory=…`; none in ordinary use.
pub(super) async fn follow(intake: Intake, poll: Duration, extra: Vec<OsString>, stop: CancellationToken) {
    let mut passage = None;
    let mut news = News::new(extra.clone());
    let mut patience = Patience::default();
    while !stop.is_cancelled() {
        news.renew();
        let Some(passed) = stop.run_until_cancelled(pass(&intake, &extra, &mut passage)).await else { return };
        let waited = match passed {
            Ok(()) => {
                patience.restore();
                stop.run_until_cancelled(news.wait(poll)).await
            }
            Err(error) => {
                error.tell(&intake, SOURCE);
                stop.run_until_cancelled(sleep(patience.after_failure(PAUSES))).await
            }
        };
        let Some(()) = waited else { return };
    }
}

/// Reads the journal from the remembered cursor (from the beginning when there is none) to its end.
///
/// # Errors
/// When `journalctl` is missing, may not read the journal or finds no mail log in it, or the database does not take what it
/// says; what was handed over before is taken.
pub(crate) async fn once(intake: &Intake, extra: &[OsString]) -> Result<Counted, Failed> {
    let began_at = now_ms();
    let mut passage = resume(intake, extra).await?;
    let counted = to_the_end(&mut passage, intake).await?;
    intake.looked(SOURCE, began_at, None).await?;
    Ok(counted)
}

async fn pass(intake: &Intake, extra: &[OsString], kept: &mut Option<Passage<Journal>>) -> Result<(), Failed> {
    let began_at = now_ms();
    let mut passage = match kept.take() {
        Some(passage) => passage,
        None => resume(intake, extra).await?,
    };
    let passed = to_the_end(&mut passage, intake).await;
    // What the database did not take waits in there. After a failure of reading a new one begins at the remembered place.
    if !matches!(passed, Err(Failed::Source(_))) {
        *kept = Some(passage);
    }
    passed?;
    Ok(intake.looked(SOURCE, began_at, None).await?)
}

async fn resume(intake: &Intake, extra: &[OsString]) -> Result<Passage<Journal>, Failed> {
    let cursor = intake.position(SOURCE).await?;
    Ok(Passage::new(Journal::new(extra, cursor.clone()), cursor))
}

/// A journal without any mail log is most likely not the one that the relay writes to.
async fn to_the_end(passage: &mut Passage<Journal>, intake: &Intake) -> Result<Counted, Failed> {
    let (counted, then) = passage.pass(&Desk { intake, source: SOURCE }).await?;
    if then == Then::Missing {
        let what =
            "the journal holds nothing of facility mail: does the relay log elsewhere, or may this user not read it?";
        return Err(Failed::Source(what.to_owned()));
    }
    Ok(counted)
}

/// The journal from a cursor on.
#[derive(Debug)]
struct Journal {
    extra: Vec<OsString>,
    cursor: Option<String>,
    log: Log,
    /// What was logged just before the cursor was read again.
    begun: bool,
    running: Option<Journalctl>,
}

impl Journal {
    fn new(extra: &[OsString], cursor: Option<String>) -> Self {
        Self { extra: extra.to_vec(), cursor, log: Log::default(), begun: false, running: None }
    }

    /// Feeds what was logged before the cursor to the log, for the mails that are still under way.
    async fn remember_before(&mut self) -> io::Result<()> {
        let Some(cursor) = &self.cursor else { return Ok(()) };
        let arguments = [format!("--cursor={cursor}"), "--reverse".to_owned(), format!("--lines={BEFORE}")];
        let mut running = Journalctl::start(&arguments, &self.extra)?;
        let (mut entries, mut room) = (Vec::new(), BEFORE_OCTETS);
        while room > 0
            && let Some(line) = running.next().await?
        {
            room = room.saturating_sub(line.len());
            entries.extend(Entry::read(line).map(|entry| (entry.line, entry.at)));
        }
        for (line, at) in entries.iter().rev() {
            self.log.line(line, Some(*at));
        }
        if room > 0 { running.end().await } else { Ok(()) }
    }

    fn start(&mut self) -> io::Result<Journalctl> {
        let after = self.cursor.as_ref().map(|cursor| format!("--after-cursor={cursor}"));
        self.running.take().map_or_else(|| Journalctl::start(after.as_slice(), &self.extra), Ok)
    }
}

impl Pieces for Journal {
    async fn next(&mut self) -> io::Result<Piece> {
        if !self.begun {
            self.remember_before().await?;
            self.begun = true;
        }
        let mut piece = Piece::default();
        let mut running = self.start()?;
        loop {
            if piece.is_full() {
                self.running = Some(running);
                break;
            }
            let Some(line) = running.next().await? else {
                running.end().await?;
                piece.then = if self.cursor.is_some() { Then::End } else { Then::Missing };
                break;
            };
            piece.octets += line.len() as u64;
            if let Some(entry) = Entry::read(line) {
                piece.add(&entry.line, Some(entry.at), &mut self.log);
                self.cursor = Some(entry.cursor);
            }
        }
        piece.place.clone_from(&self.cursor);
        Ok(piece)
    }
}

#[cfg(test)]
mod tests;
