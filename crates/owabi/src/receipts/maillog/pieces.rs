//! A log comes in pieces: each is handed over, and only then its place is remembered.

use super::super::patience::Pauses;
use super::super::{Arrival, BATCH, Counted, Failed, Intake, Verdict};
use super::lines::Lines;
use owabi_core::maillog::{Log, LogEvidence};
use owabi_store::StoreError;
use std::io::{self, Read};
use std::time::Duration;

/// What is handed over at once, and where the log goes on after it.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// At most [`BATCH`].
    pub(crate) evidence: Vec<LogEvidence>,
    /// Lines that were read for it.
    pub(crate) lines: u64,
    /// Octets of these lines.
    pub(crate) octets: u64,
    /// Where the next piece begins; `None`: nowhere that could be found again.
    pub(crate) place: Option<String>,
    pub(crate) then: Then,
    /// What could not be read before it and never will be, in words.
    pub(crate) lost: Option<&'static str>,
}

/// What comes after a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Then {
    /// There may be more.
    #[default]
    More,
    /// The end, for now.
    End,
    /// Nothing can be said of what there is: the log is not there, or was never written to.
    Missing,
}

/// Octets of one piece, whatever it yields: so often a place is looked at, and a stop is noticed.
const OCTETS: u64 = 4 << 20;

impl Piece {
    pub(crate) fn is_full(&self) -> bool {
        self.evidence.len() >= BATCH || self.octets >= OCTETS
    }

    /// Reads lines until it is full (false) or the stream ends (true).
    pub(crate) fn fill<R: Read>(&mut self, lines: &mut Lines<R>, log: &mut Log) -> io::Result<bool> {
        while !self.is_full() {
            if !lines.next()? {
                return Ok(true);
            }
            self.octets += lines.octets();
            self.add(lines.line(), None, log);
        }
        Ok(false)
    }

    /// Adds one line, written at `at` (epoch milliseconds) where the line does not say it itself.
    pub(crate) fn add(&mut self, line: &[u8], at: Option<i64>, log: &mut Log) {
        self.lines += 1;
        self.evidence.extend(log.line(line, at));
    }
}

/// A log that is read from some place on.
pub(crate) trait Pieces {
    /// The next piece. After an error a new reader begins where the last one left off.
    async fn next(&mut self) -> io::Result<Piece>;
}

/// A log is near: it is looked for again soon.
pub(crate) const PAUSES: Pauses = Pauses::new(Duration::from_secs(1), Duration::from_mins(5));

/// Where pieces go.
pub(crate) trait Taker {
    async fn take(&self, arrivals: Vec<Arrival>) -> Result<Vec<Verdict>, StoreError>;
    async fn remember(&self, place: &str) -> Result<(), StoreError>;
}

/// Hands over to the database as one source.
#[derive(Clone, Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) intake: &'a Intake,
    pub(crate) source: &'a str,
}

impl Taker for Desk<'_> {
    async fn take(&self, arrivals: Vec<Arrival>) -> Result<Vec<Verdict>, StoreError> {
        self.intake.take(self.source, arrivals).await
    }

    async fn remember(&self, place: &str) -> Result<(), StoreError> {
        self.intake.remember(self.source, place).await
    }
}

/// Pieces between two places that are remembered on the way: reading some lines again after a crash changes nothing.
const STRIDE: u32 = 16;

/// One reading of a log, with what was read but not yet handed over.
#[derive(Debug)]
pub(crate) struct Passage<P> {
    log: P,
    waiting: Option<Piece>,
    remembered: Option<String>,
    /// What could not be read, as its pieces told last.
    pub(crate) lost: Option<&'static str>,
}

impl<P: Pieces> Passage<P> {
    pub(crate) fn new(log: P, remembered: Option<String>) -> Self {
        Self { log, waiting: None, remembered, lost: None }
    }

    /// Reads to the end. After an error of the database the piece in hand is kept, and the next call begins with it.
    pub(crate) async fn pass(&mut self, to: &impl Taker) -> Result<(Counted, Then), Failed> {
        let mut counted = Counted::default();
        for n in 1_u32.. {
            if self.waiting.is_none() {
                let piece = self.log.next().await?;
                self.lost = piece.lost.or(self.lost);
                self.waiting = Some(piece);
            }
            let then = self.hand_over(to, &mut counted, n.is_multiple_of(STRIDE)).await?;
            if then != Then::More {
                return Ok((counted, then));
            }
        }
        Ok((counted, Then::More))
    }

    async fn hand_over(&mut self, to: &impl Taker, counted: &mut Counted, remember: bool) -> Result<Then, StoreError> {
        let Some(piece) = &self.waiting else { return Ok(Then::More) };
        let mut verdicts = Vec::new();
        if !piece.evidence.is_empty() {
            verdicts = to.take(piece.evidence.iter().cloned().map(Arrival::Log).collect()).await?;
        }
        let place = piece.place.as_ref().filter(|place| self.remembered.as_ref() != Some(*place));
        if let Some(place) = place.filter(|_| remember || piece.then != Then::More) {
            to.remember(place).await?;
            self.remembered = Some(place.clone());
        }
        for verdict in verdicts {
            counted.add(verdict);
        }
        let then = piece.then;
        self.waiting = None;
        Ok(then)
    }
}

#[cfg(test)]
mod tests;
