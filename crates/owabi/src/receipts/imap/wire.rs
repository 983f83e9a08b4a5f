//! Octets to and from an IMAP server: whole responses, however they come in pieces, and never more than there is room for.

use super::response::Response;
use super::trouble::Trouble;
use super::value::announced;
use owabi_smtp::tls::Stream;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

/// A line without literals that is longer is none that we asked for.
const LINE: u64 = 256 * 1024;

#[derive(Debug)]
pub(super) struct Wire {
    stream: BufReader<Stream>,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream: BufReader::with_capacity(64 * 1024, stream) }
    }

    pub(super) async fn send(&mut self, octets: &[u8]) -> Result<(), Trouble> {
        let stream = self.stream.get_mut();
        stream.write_all(octets).await?;
        Ok(stream.flush().await?)
    }

    /// The next response, literals included, which takes its octets from `room`.
    ///
    /// # Errors
    /// [`Trouble::TooMuch`] as soon as a longer one is announced.
    pub(super) async fn receive(&mut self, room: &mut u64) -> Result<Response, Trouble> {
        let mut raw = Vec::new();
        loop {
            let before = raw.len();
            let read = (&mut self.stream).take(LINE).read_until(b'\n', &mut raw).await?;
            if !raw.ends_with(b"\n") {
                return Err(if read as u64 == LINE { Trouble::TooMuch } else { Trouble::Lost });
            }
            let literal = raw.get(before..).and_then(announced).filter(|_| Response::may_hold_literals(&raw));
            if (raw.len() as u64).saturating_add(literal.unwrap_or(0)) > *room {
                return Err(Trouble::TooMuch);
            }
            let Some(literal) = literal else {
                *room -= raw.len() as u64;
                return Ok(Response::parse(&raw));
            };
            if (&mut self.stream).take(literal).read_to_end(&mut raw).await? as u64 != literal {
                return Err(Trouble::Lost);
            }
        }
    }

    /// Until there is something to receive. May be dropped at any time without losing an octet.
    pub(super) async fn readable(&mut self) -> Result<(), Trouble> {
        if self.stream.fill_buf().await?.is_empty() { Err(Trouble::Lost) } else { Ok(()) }
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.stream.get_ref(), Stream::Tls(_))
    }

    pub(super) fn protection(&self) -> Option<String> {
        self.stream.get_ref().description()
    }

    /// The stream, for the TLS handshake.
    ///
    /// # Errors
    /// [`Trouble::Injected`] when something came before it: somebody in between could have put it there.
    pub(super) fn into_inner(self) -> Result<Stream, Trouble> {
        if self.stream.buffer().is_empty() { Ok(self.stream.into_inner()) } else { Err(Trouble::Injected) }
    }
}
