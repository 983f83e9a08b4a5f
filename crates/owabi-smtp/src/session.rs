//! One open connection to a relay: drives the [`Pipeline`] over the socket, reading and writing at once.

use crate::capabilities::Capabilities;
use crate::dialogue::{self, Dialogue};
use crate::envelope::Parcel;
use crate::pipeline::{Finished, Mode, Pipeline};
use crate::relay::{Deadlines, Relay};
use crate::tls::Stream;
use crate::wire::ReplyReader;
use lettre::transport::smtp::commands::Quit;
use owabi_core::outcome::{Fault, FaultKind};
use owabi_core::text::Text;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, Sleep, timeout};

/// How much is read at once: the replies of many mails.
const READ: usize = 16 * 1024;
/// A deadline that is noticed so late passed while the process was stopped: what came in meanwhile was not looked at yet.
const OVERSLEPT: Duration = Duration::from_secs(1);

/// What [`Session::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The mails that finished, in the order of their replies.
    pub finished: Vec<Finished>,
    /// Why the connection is over, if it is. Every mail that was pushed has then finished; drop the session.
    pub closed: Option<Fault>,
}

/// A connection that takes mails. Dropping it closes the socket without a word.
pub struct Session {
    stream: Stream,
    reader: ReplyReader,
    pipeline: Pipeline,
    deadlines: Deadlines,
    tls: Option<String>,
    inbox: Box<[u8]>,
    opened: Instant,
    /// The reply awaited (by its count) and when it is late.
    reply_due: Option<(u64, Instant)>,
    /// When the socket must have taken something more.
    write_due: Option<Instant>,
    needs_flush: bool,
    /// Something was read and nothing written since, so that no acknowledgement has travelled with it.
    unacknowledged: bool,
    alarm: Pin<Box<Sleep>>,
}

impl std::fmt::Debug for Session {
    /// Shows no buffer: they hold addresses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("tls", &self.tls).field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(talk: Dialogue, relay: &Relay, offers: Capabilities) -> Self {
        let opened = Instant::now();
        Self {
            tls: talk.stream.description(),
            stream: talk.stream,
            reader: talk.reader,
            pipeline: Pipeline::new(relay, offers),
            deadlines: relay.deadlines,
            inbox: vec![0; READ].into_boxed_slice(),
            opened,
            reply_due: None,
            write_due: None,
            needs_flush: false,
            unacknowledged: false,
            alarm: Box::pin(tokio::time::sleep_until(opened + relay.deadlines.dot)),
        }
    }

    /// How many more mails may be pushed now; see [`Pipeline::room`].
    pub fn room(&self) -> usize {
        self.pipeline.room()
    }

    /// Takes a mail; see [`Pipeline::push`]. Nothing is written before [`Self::next`].
    pub fn push(&mut self, parcel: Parcel) {
        self.pipeline.push(parcel);
    }

    /// The mail's intent is durable: its body may leave with the following [`Self::next`], and before `until`.
    ///
    /// The time is looked at again right before each octet is handed to the system. A mail that is late then is `NotSent`
    /// ([`FaultKind::Local`]) or, when its last octet was handed over in time, takes its course; one that is late with a part
    /// of it out ends the connection at once. What this cannot see is a process that is stopped in the instructions
    /// between the look and the system call.
    pub fn permit(&mut self, id: u64, until: Instant) {
        self.pipeline.permit(id, until.saturating_duration_since(self.opened), self.opened.elapsed());
    }

    /// The mail's intent was refused: none of its body leaves; see [`Pipeline::deny`].
    pub fn deny(&mut self, id: u64) {
        self.pipeline.deny(id);
    }

    /// Whether no mail is unfinished.
    pub fn idle(&self) -> bool {
        self.pipeline.is_idle()
    }

    /// Replies taken and octets handed over so far: while mails are under way it grows, or a deadline runs that ends the connection.
    pub fn steps(&self) -> u64 {
        self.pipeline.replies() + self.pipeline.octets()
    }

    /// Whether the connection takes no more mails: quit it once it is idle.
    pub fn spent(&self) -> bool {
        self.pipeline.is_spent()
    }

    /// What the relay offered in its last EHLO.
    pub fn capabilities(&self) -> &Capabilities {
        self.pipeline.offers()
    }

    /// The largest message the relay takes, in octets, if it named a limit.
    pub fn max_size(&self) -> Option<u64> {
        self.capabilities().max_size()
    }

    /// How mails follow one another here.
    pub fn mode(&self) -> Mode {
        self.pipeline.mode()
    }

    /// Protocol and cipher suite, as in `TLSv1.3 TLS_AES_256_GCM_SHA384`; `None` in plain text.
    pub fn tls(&self) -> Option<&str> {
        self.tls.as_deref()
    }

    /// Ends the connection for our own reasons (shutdown, lease lost): the following [`Self::next`] reports what became
    /// of every mail. A mail whose last octet is out and whose reply is not known is `Unknown`.
    pub fn hang_up(&mut self, why: &str) {
        let detail = Text::same(why);
        let fault = Fault { phase: self.pipeline.phase(), kind: FaultKind::Local, reply: None, detail };
        self.pipeline.close(fault);
    }

    /// Writes what may leave, reads replies, and returns as soon as a mail finished or the connection ended.
    ///
    /// Cancel-safe: dropping the future loses nothing. While no mail is under way it waits for the relay to close, so it
    /// can stand in a `select!` all the time. What a call has learned is returned before anything new is written: push
    /// and permit in between, and the next mails leave in the same write.
    pub async fn next(&mut self) -> Progress {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Says QUIT and waits shortly for the answer. Mails still unfinished are forgotten: call it when idle.
    pub async fn quit(mut self) {
        let farewell = async {
            self.stream.write_all(Quit.to_string().as_bytes()).await?;
            self.stream.flush().await?;
            let read = self.stream.read(&mut self.inbox).await;
            self.stream.shutdown().await?;
            read
        };
        // The relay forgets the connection either way.
        let _ = timeout(self.deadlines.quit, farewell).await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        loop {
            self.drain();
            while self.pipeline.closed().is_none() && !self.pipeline.has_finished() {
                if self.poll_read(cx).is_pending() {
                    break;
                }
            }
            if self.pipeline.closed().is_some() || self.pipeline.has_finished() {
                return Poll::Ready(self.progress());
            }
            if !self.poll_write(cx) && self.poll_alarm(cx).is_pending() {
                self.acknowledge();
                return Poll::Pending;
            }
        }
    }

    fn progress(&mut self) -> Progress {
        Progress { finished: self.pipeline.take_finished(), closed: self.pipeline.closed().cloned() }
    }

    /// Reads once and settles everything that was read.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A TLS layer that reads garbage writes an alert, and before it what it still holds.
        if self.needs_flush && self.expire() {
            return Poll::Ready(());
        }
        let mut buffer = ReadBuf::new(&mut self.inbox);
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
        let octets = buffer.filled().len();
        match result {
            Ok(()) if octets == 0 => self.pipeline.end_of_stream(),
            Ok(()) => {
                self.reader.feed(&self.inbox[..octets]);
                self.unacknowledged = true;
                self.drain();
            }
            // TLS without a farewell.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.pipeline.end_of_stream(),
            Err(error) => self.lose(&error),
        }
        Poll::Ready(())
    }

    fn drain(&mut self) {
        let now = self.opened.elapsed();
        while self.pipeline.closed().is_none() {
            match self.reader.next_reply() {
                Ok(Some(reply)) => self.pipeline.reply(reply, now),
                Ok(None) => return,
                Err(error) => self.pipeline.close(dialogue::garbled(self.pipeline.phase(), error)),
            }
        }
    }

    /// Hands pending octets to the socket; true when anything changed.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut changed = false;
        while !self.pipeline.pending().is_empty() {
            if self.expire() {
                return true;
            }
            match Pin::new(&mut self.stream).poll_write(cx, self.pipeline.pending()) {
                Poll::Ready(Ok(octets)) if octets > 0 => self.took(octets),
                Poll::Ready(Ok(_)) => self.fail_write(&io::ErrorKind::WriteZero.into()),
                Poll::Ready(Err(error)) => self.fail_write(&error),
                Poll::Pending => {
                    self.watch_writing();
                    return changed;
                }
            }
            changed = true;
        }
        self.write_due = None;
        self.poll_flush(cx) || changed
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.needs_flush {
            return false;
        }
        if self.expire() {
            return true;
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.needs_flush = false;
                self.pipeline.flushed();
            }
            Poll::Ready(Err(error)) => self.lose(&error),
            Poll::Pending => {
                self.watch_writing();
                return false;
            }
        }
        true
    }

    /// Ends what may not leave any more, by a clock read now: the process may have been stopped since it was permitted.
    fn expire(&mut self) -> bool {
        self.pipeline.expire(self.opened.elapsed())
    }

    fn acknowledge(&mut self) {
        if self.unacknowledged && self.pipeline.awaiting().is_some() {
            self.stream.acknowledge();
            self.unacknowledged = false;
        }
    }

    fn took(&mut self, octets: usize) {
        self.unacknowledged = false;
        self.pipeline.written(octets, self.opened.elapsed());
        self.needs_flush = self.stream.is_tls();
        if !self.needs_flush {
            self.pipeline.flushed();
        }
        self.write_due = None;
    }

    /// A failing TLS layer may have passed on any part of what it was offered: all of it counts as out.
    fn fail_write(&mut self, error: &io::Error) {
        if self.stream.is_tls() {
            self.took(self.pipeline.pending().len());
        }
        self.lose(error);
    }

    fn lose(&mut self, error: &io::Error) {
        self.pipeline.close(dialogue::lost(self.pipeline.phase(), error));
    }

    fn watch_writing(&mut self) {
        let allowed = self.deadlines.body_block;
        self.write_due.get_or_insert_with(|| Instant::now() + allowed);
    }

    /// Ready when a deadline passed, which ends the connection.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.watch_reply();
        loop {
            let reply_due = self.reply_due.map(|(_, by)| by);
            let Some(due) = [reply_due, self.write_due].into_iter().flatten().min() else { return Poll::Pending };
            if due < self.alarm.deadline() || self.alarm.is_elapsed() {
                self.alarm.as_mut().reset(due);
            }
            ready!(self.alarm.as_mut().poll(cx));
            let now = Instant::now();
            if now >= due + OVERSLEPT {
                self.look_again(now + OVERSLEPT);
            } else if now >= due {
                self.pipeline.close(self.too_late(Some(due) == self.write_due));
                return Poll::Ready(());
            }
        }
    }

    /// A process that wakes up hears its timers before its sockets: nothing is late before this time.
    fn look_again(&mut self, by: Instant) {
        self.reply_due = self.reply_due.map(|(number, due)| (number, due.max(by)));
        self.write_due = self.write_due.map(|due| due.max(by));
    }

    /// Starts the clock of a reply when it becomes the oldest one due: however slowly it trickles in, it has one deadline.
    fn watch_reply(&mut self) {
        let Some(phase) = self.pipeline.awaiting() else {
            self.reply_due = None;
            return;
        };
        let number = self.pipeline.replies();
        if self.reply_due.is_none_or(|(awaited, _)| awaited != number) {
            self.reply_due = Some((number, Instant::now() + self.allowed(phase)));
        }
    }

    fn allowed(&self, phase: owabi_core::outcome::Phase) -> Duration {
        if self.pipeline.is_ending() { self.deadlines.quit } else { dialogue::allowed(&self.deadlines, phase) }
    }

    fn too_late(&self, writing: bool) -> Fault {
        let phase = self.pipeline.phase();
        let allowed = if writing { self.deadlines.body_block } else { self.allowed(phase) };
        dialogue::late(phase, allowed)
    }
}

#[cfg(test)]
mod tests;
