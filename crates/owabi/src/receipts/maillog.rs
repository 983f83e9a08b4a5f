//! The relay's log file: followed by the daemon, or read once by `owabi track maillog FILE`.
//!
//! What was read is handed over first and its place remembered afterwards, so that a crash costs nothing: lines that are read
//! twice change nothing (their hash is known).

mod lines;
mod pieces;
mod place;
mod reader;
mod watch;

use super::patience::Patience;
use super::{Counted, Failed, Intake};
use crate::clock::now_ms;
use lines::Lines;
use owabi_core::maillog::{LONGEST_LINE, Log};
use place::Place;
use reader::Reader;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use watch::Watch;

pub(super) use pieces::{Desk, PAUSES, Passage, Piece, Pieces, Then};

/// Milliseconds for which it is told that a part of the log was lost.
const TOLD_FOR: i64 = 3_600_000;

/// The name of a log file as a source; `-` is standard input.
pub(crate) fn source(log: &Path) -> String {
    format!("maillog:{}", log.display())
}

/// Follows a log file until `stop`: reads on from the remembered place (from the beginning when there is none) whenever
/// something is written, and every `poll`. Trouble is told to the intake; then it tries again.
pub(super) async fn follow(intake: Intake, log: PathBuf, poll: Duration, stop: CancellationToken) {
    let (source, watch) = (source(&log), Watch::on(&log));
    let mut follower = Follower { intake, source, log, watch, passage: None, missing: false, lost: Lost::default() };
    let mut patience = Patience::default();
    while !stop.is_cancelled() {
        let Some(passed) = stop.run_until_cancelled(follower.pass()).await else { return };
        let waited = match passed {
            Ok(Then::Missing) => stop.run_until_cancelled(sleep(patience.after_failure(PAUSES))).await,
            Ok(_) => {
                patience.restore();
                follower.watch.renew();
                stop.run_until_cancelled(follower.watch.wait(poll)).await
            }
            Err(error) => {
                error.tell(&follower.intake, &follower.source);
                stop.run_until_cancelled(sleep(patience.after_failure(PAUSES))).await
            }
        };
        let Some(()) = waited else { return };
    }
}

/// Reads a log file from the remembered place (from the beginning when there is none) to its end.
///
/// # Errors
/// When the file is missing or cannot be read, or the database does not take what it says; what was handed over before is taken.
pub(crate) async fn once(intake: &Intake, log: &Path) -> Result<Counted, Failed> {
    let source = source(log);
    let began_at = now_ms();
    let mut passage = resume(intake, &source, log).await?;
    let (counted, then) = passage.pass(&Desk { intake, source: &source }).await?;
    if then == Then::Missing {
        return Err(Failed::Source(format!("there is no file {}", log.display())));
    }
    intake.looked(&source, began_at, passage.lost).await?;
    Ok(counted)
}

/// Reads a log from a stream to its end, its last line also without a line's end. No place is remembered.
///
/// # Errors
/// When the stream cannot be read, or the database does not take what it says; what was handed over before is taken.
pub(crate) async fn once_from(intake: &Intake, stream: Box<dyn Read + Send>) -> Result<Counted, Failed> {
    let log = Input::Stream(Lines::new(stream, LONGEST_LINE), Log::default());
    let mut passage = Passage::new(Blocking(Some(log)), None);
    Ok(passage.pass(&Desk { intake, source: "maillog:-" }).await?.0)
}

async fn resume(intake: &Intake, source: &str, log: &Path) -> Result<Passage<Blocking>, Failed> {
    let remembered = intake.position(source).await?;
    let place = remembered.as_deref().and_then(|text| serde_json::from_str::<Place>(text).ok());
    Ok(Passage::new(Blocking(Some(Input::File(Reader::new(log, place)))), remembered))
}

struct Follower {
    intake: Intake,
    source: String,
    log: PathBuf,
    watch: Watch,
    /// `None`: to be begun at the remembered place.
    passage: Option<Passage<Blocking>>,
    /// It was not there the last time.
    missing: bool,
    lost: Lost,
}

/// What could not be read is told for a while: nothing that is read later brings it back.
#[derive(Debug, Default)]
struct Lost(Option<(&'static str, i64)>);

impl Lost {
    fn learn(&mut self, what: Option<&'static str>, now: i64) {
        self.0 = what.map(|what| (what, now)).or(self.0);
    }

    fn still(&self, now: i64) -> Option<&'static str> {
        self.0.filter(|(_, since)| now.saturating_sub(*since) < TOLD_FOR).map(|(what, _)| what)
    }
}

impl Follower {
    async fn pass(&mut self) -> Result<Then, Failed> {
        let began_at = now_ms();
        let mut passage = match self.passage.take() {
            Some(passage) => passage,
            None => resume(&self.intake, &self.source, &self.log).await?,
        };
        let passed = passage.pass(&Desk { intake: &self.intake, source: &self.source }).await;
        self.lost.learn(passage.lost.take(), began_at);
        // What the database did not take waits in there. After a failure of reading a new one begins at the remembered place.
        if !matches!(passed, Err(Failed::Source(_))) {
            self.passage = Some(passage);
        }
        let (_, then) = passed?;
        match then {
            // Between two names of a rotation there is a moment without a file.
            Then::Missing if !self.missing => {}
            Then::Missing => self.intake.trouble(&self.source, "the log file is not there"),
            _ => self.intake.looked(&self.source, began_at, self.lost.still(began_at)).await?,
        }
        self.missing = then == Then::Missing;
        Ok(then)
    }
}

/// What is read with blocking calls.
enum Input {
    File(Reader),
    Stream(Lines<Box<dyn Read + Send>>, Log),
}

impl Input {
    fn piece(&mut self) -> io::Result<Piece> {
        match self {
            Self::File(reader) => reader.piece(),
            Self::Stream(lines, log) => stream_piece(lines, log),
        }
    }
}

fn stream_piece(lines: &mut Lines<Box<dyn Read + Send>>, log: &mut Log) -> io::Result<Piece> {
    let mut piece = Piece::default();
    if piece.fill(lines, log)? {
        piece.then = Then::End;
        if !lines.line().is_empty() {
            piece.add(lines.line(), None, log);
        }
    }
    Ok(piece)
}

/// Reads on a thread that may wait; `None` while it does.
struct Blocking(Option<Input>);

impl Pieces for Blocking {
    async fn next(&mut self) -> io::Result<Piece> {
        let mut input = self.0.take().ok_or_else(|| io::Error::other("a reading was broken off"))?;
        let reading = tokio::task::spawn_blocking(move || (input.piece(), input));
        let (piece, input) = reading.await.map_err(io::Error::other)?;
        self.0 = Some(input);
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use owabi_core::maillog::LogEvent;

    /// The daemon runs it as a task of its own.
    const _: fn(Intake) = |intake| {
        fn is_send(_: impl Send) {}
        is_send(follow(intake, PathBuf::new(), Duration::ZERO, CancellationToken::new()));
    };

    #[test]
    fn what_was_lost_is_told_for_an_hour_from_when_it_was_learned_last() {
        let mut lost = Lost::default();
        assert_eq!(lost.still(5), None);
        lost.learn(Some("gone"), 5);
        lost.learn(None, 9);
        assert_eq!((lost.still(5 + TOLD_FOR - 1), lost.still(5 + TOLD_FOR)), (Some("gone"), None));
        lost.learn(Some("again"), 5 + TOLD_FOR);
        assert_eq!(lost.still(6 + TOLD_FOR), Some("again"));
    }

    #[tokio::test]
    async fn of_a_stream_the_last_line_counts_as_well_and_there_is_no_place() {
        let line = |id| format!("Nov 22 18:39:50 relay postfix/qmgr[1]: {id}: from=<>, size=1, nrcpt=1 (queue active)");
        let text = format!("{}\n{}", line("AAAAA1"), line("AAAAA2"));
        let stream: Box<dyn Read + Send> = Box::new(io::Cursor::new(text.into_bytes()));
        let mut log = Blocking(Some(Input::Stream(Lines::new(stream, LONGEST_LINE), Log::default())));
        let piece = log.next().await.unwrap();
        let ids: Vec<&str> = piece.evidence.iter().map(|evidence| evidence.queue_id.as_str()).collect();
        assert_eq!((ids, piece.place, piece.then), (vec!["AAAAA1", "AAAAA2"], None, Then::End));
        assert!(piece.evidence.iter().all(|evidence| evidence.event == LogEvent::Taken));
    }
}
