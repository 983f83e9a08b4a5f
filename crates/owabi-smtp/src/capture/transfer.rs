//! The body: DATA and BDAT. Nothing is captured before the final dot or the last octet of BDAT LAST.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use tokio::time::Instant;

use super::body::{complaint, end_of_body, unstuff};
use super::envelope::Envelope;
use super::locked;
use super::maildir::head;
use super::records::{Captured, sha256};
use super::script::{Moment, Point};
use super::session::{Refusal, Session};
use super::stats::Counters;
use super::wire::{LARGEST_BODY, hung_up};

const NOBODY: Refusal = (554, "5.5.1 Error: no valid recipients");
const TOO_LARGE: Refusal = (552, "5.3.4 Error: message file too big");

impl Session {
    fn data_refusal(&self) -> Option<Refusal> {
        let Some(open) = &self.transaction else { return Some((503, "5.5.1 Error: need MAIL command")) };
        if open.chunks.is_some() {
            return Some((503, "5.5.1 Error: DATA after BDAT"));
        }
        (open.envelope.recipients.is_empty() && !self.relay.options.lenient_data).then_some(NOBODY)
    }

    pub(super) async fn data(&mut self) -> io::Result<()> {
        if let Some(refusal) = self.data_refusal() {
            return self.refuse(refusal).await;
        }
        self.set_marks();
        if !self.respond(Point::Data, 354, "End data with <CR><LF>.<CR><LF>").await? {
            return Ok(());
        }
        let message = self.receive_text().await?;
        self.end_of_mail(message).await
    }

    /// Reads up to the final dot, and takes the stuffed dots away.
    async fn receive_text(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let end = end_of_body(&self.wire.inbox, searched);
            searched = self.wire.inbox.len();
            self.pass_marks(end.map_or(searched, |(body, _)| body)).await?;
            if let Some((body, with_dot)) = end {
                let text = self.wire.take(with_dot);
                return Ok(unstuff(&text[..body]));
            }
            self.fill_body().await?;
        }
    }

    async fn fill_body(&mut self) -> io::Result<()> {
        if self.wire.inbox.len() > LARGEST_BODY {
            self.refuse(TOO_LARGE).await?;
            self.wire.close().await?;
            return Err(hung_up());
        }
        self.wire.fill().await.inspect_err(|_| Counters::add(&self.relay.counters.bodies_cut, 1))
    }

    pub(super) async fn bdat(&mut self, octets: usize, last: bool) -> io::Result<()> {
        let held = self.transaction.as_ref().and_then(|open| open.chunks.as_ref()).map_or(0, Vec::len);
        if octets > LARGEST_BODY || held + octets > LARGEST_BODY {
            self.refuse(TOO_LARGE).await?;
            self.wire.close().await?;
            return Err(hung_up());
        }
        if let Some(refusal) = self.bdat_refusal() {
            self.receive_chunk(held, octets).await?;
            self.chunk_failed(last);
            return self.refuse(refusal).await;
        }
        if self.first_chunk_refused(octets, last).await? {
            return Ok(());
        }
        let chunk = self.receive_chunk(held, octets).await?;
        self.take_chunk(&chunk, last).await
    }

    fn bdat_refusal(&self) -> Option<Refusal> {
        match &self.transaction {
            None => Some((503, "5.5.1 Error: need MAIL command")),
            Some(open) if open.failed => Some((503, "5.5.1 Error: BDAT after a refused chunk")),
            Some(open) => open.envelope.recipients.is_empty().then_some(NOBODY),
        }
    }

    /// Asks the script about the first chunk of a mail. A refusal is said after the octets are consumed.
    async fn first_chunk_refused(&mut self, octets: usize, last: bool) -> io::Result<bool> {
        if self.transaction.as_ref().is_none_or(|open| open.chunks.is_some()) {
            return Ok(false);
        }
        self.set_marks();
        let plan = self.begin(Point::Data).await?;
        if plan.accepts(Point::Data) {
            self.act(&plan, Moment::BeforeReply).await?;
            return Ok(false);
        }
        self.receive_chunk(0, octets).await?;
        self.chunk_failed(last);
        self.finish(&plan, b"").await?;
        Ok(true)
    }

    fn chunk_failed(&mut self, last: bool) {
        if last {
            self.transaction = None;
        } else if let Some(open) = &mut self.transaction {
            open.failed = true;
        }
    }

    async fn receive_chunk(&mut self, held: usize, octets: usize) -> io::Result<Bytes> {
        loop {
            let arrived = self.wire.inbox.len().min(octets);
            self.pass_marks(held + arrived).await?;
            if arrived == octets {
                return Ok(self.wire.take(octets));
            }
            self.wire.fill().await.inspect_err(|_| Counters::add(&self.relay.counters.bodies_cut, 1))?;
        }
    }

    async fn take_chunk(&mut self, chunk: &[u8], last: bool) -> io::Result<()> {
        let Some(open) = &mut self.transaction else { return Ok(()) };
        let mut message = open.chunks.take().unwrap_or_default();
        message.extend_from_slice(chunk);
        if last {
            return self.end_of_mail(message).await;
        }
        open.chunks = Some(message);
        self.say(250, &format!("2.0.0 Ok: {} bytes", chunk.len())).await?;
        self.check_step().await
    }

    /// Which amounts of this body the script wants to be asked about.
    fn set_marks(&mut self) {
        let mut marks = self.relay.live().body_marks();
        marks.reverse();
        if let Some(open) = &mut self.transaction {
            open.marks = marks;
        }
    }

    async fn pass_marks(&mut self, arrived: usize) -> io::Result<()> {
        while let Some(open) = &mut self.transaction
            && let Some(mark) = open.marks.pop_if(|mark| *mark <= arrived)
        {
            self.hold(Point::BodyAfter(mark)).await?;
        }
        Ok(())
    }

    /// What a strict relay has against a complete mail.
    fn mail_refusal_at_end(&self, envelope: &Envelope, message: &[u8]) -> Option<Refusal> {
        let options = &self.relay.options;
        if envelope.recipients.is_empty() {
            return Some(NOBODY);
        }
        if options.extensions.size.is_some_and(|limit| limit > 0 && message.len() > limit) {
            return Some(TOO_LARGE);
        }
        if options.strict_text { complaint(message) } else { None }
    }

    /// The mail is complete: captures or refuses it. The transaction ends either way.
    async fn end_of_mail(&mut self, message: Vec<u8>) -> io::Result<()> {
        let Some(envelope) = self.transaction.as_ref().map(|open| open.envelope.clone()) else { return Ok(()) };
        if let Some(refusal) = self.mail_refusal_at_end(&envelope, &message) {
            self.transaction = None;
            self.refuse(refusal).await?;
            return self.check_step().await;
        }
        let plan = self.begin(Point::Dot).await?;
        self.transaction = None;
        let mut queue_id = String::new();
        if plan.accepts(Point::Dot) {
            match self.capture(envelope, message).await {
                Ok(id) => queue_id = id,
                Err(_) => return self.refuse((451, "4.3.0 Error: queue file write error")).await,
            }
        }
        let reply = self.normal(250, &format!("2.0.0 Ok: queued as {queue_id}"));
        self.finish(&plan, &reply).await?;
        self.check_step().await
    }

    async fn capture(&mut self, envelope: Envelope, message: Vec<u8>) -> io::Result<String> {
        let at = Instant::now() - self.relay.started;
        let number = self.relay.numbers.fetch_add(1, Relaxed) + 1;
        let queue_id = format!("{number:010X}");
        let bytes = Bytes::from(message);
        let path = match self.relay.maildir.clone() {
            Some(maildir) => {
                let (head, bytes) = (head(&envelope, bytes.len()), bytes.clone());
                let store = move || Arc::clone(&maildir).store(number, &head, &bytes);
                Some(tokio::task::spawn_blocking(store).await.map_err(io::Error::other)??)
            }
            None => None,
        };
        self.mails += 1;
        Counters::add(&self.relay.counters.mails, 1);
        Counters::add(&self.relay.counters.recipients, envelope.recipients.len());
        let (size, sha256, connection) = (bytes.len(), sha256(&bytes), self.id);
        let (tls, user) = (self.tls, self.user.clone());
        let mail =
            Captured { envelope, bytes, size, sha256, connection, queue_id: queue_id.clone(), at, tls, user, path };
        locked(&self.relay.records).add(mail);
        Ok(queue_id)
    }
}
