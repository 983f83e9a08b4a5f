//! The octets of one connection: lines in, groups of replies out.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rustls::ServerConfig;
use socket2::{SockRef, Socket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::latency::delayed;
use super::stats::Counters;

/// RFC 5321 4.5.3.1.4 asks for 512; extensions and long addresses lengthen it.
const LONGEST_LINE: usize = 4096;
/// Bodies over this end the connection.
pub(super) const LARGEST_BODY: usize = 64 << 20;
const CHUNK: usize = 16 << 10;
const FULL: usize = 64 << 10;

pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A line without its line end, or why it is none.
pub(super) enum Line {
    Text(String),
    TooLong,
    BareLineFeed,
    NotUtf8,
}

pub(super) struct Wire {
    io: Box<dyn Io>,
    /// The same socket once more, to choose how it closes.
    socket: Socket,
    /// Says the same to a delayed connection.
    reset: Arc<AtomicBool>,
    pub(super) inbox: BytesMut,
    out: BytesMut,
    counters: Arc<Counters>,
}

pub(super) fn hung_up() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl Wire {
    pub(super) fn new(stream: TcpStream, rtt: Duration, counters: Arc<Counters>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream).try_clone()?;
        let reset = Arc::new(AtomicBool::new(false));
        let io: Box<dyn Io> =
            if rtt.is_zero() { Box::new(stream) } else { Box::new(delayed(stream, rtt, Arc::clone(&reset))) };
        Ok(Self { io, socket, reset, inbox: BytesMut::new(), out: BytesMut::new(), counters })
    }

    /// Reads once, after all replies so far are written. The end of the stream is an error.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.inbox.reserve(CHUNK);
        let count = self.io.read_buf(&mut self.inbox).await?;
        Counters::add(&self.counters.bytes_in, count);
        Counters::add(&self.counters.reads, usize::from(count > 0));
        if count == 0 { Err(hung_up()) } else { Ok(()) }
    }

    /// The next line. A line that is too long is swallowed up to its end.
    pub(super) async fn line(&mut self) -> io::Result<Line> {
        let mut too_long = false;
        let end = loop {
            if let Some(end) = memchr::memchr(b'\n', &self.inbox) {
                break end;
            }
            if self.inbox.len() > LONGEST_LINE {
                too_long = true;
                self.inbox.clear();
            }
            self.fill().await?;
        };
        let line = self.inbox.split_to(end + 1);
        if too_long || line.len() > LONGEST_LINE {
            return Ok(Line::TooLong);
        }
        let Some(line) = line.strip_suffix(b"\r\n") else { return Ok(Line::BareLineFeed) };
        Ok(str::from_utf8(line).map_or(Line::NotUtf8, |text| Line::Text(text.to_owned())))
    }

    pub(super) fn take(&mut self, count: usize) -> Bytes {
        self.inbox.split_to(count).freeze()
    }

    /// Adds to the replies that leave together.
    pub(super) async fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.extend_from_slice(bytes);
        if self.out.len() > FULL { self.flush().await } else { Ok(()) }
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.io.write_all(&self.out).await?;
        Counters::add(&self.counters.writes, 1);
        self.out.clear();
        self.io.flush().await
    }

    pub(super) async fn trickle(&mut self, bytes: &[u8], interval: Duration) -> io::Result<()> {
        self.flush().await?;
        for byte in bytes {
            self.io.write_all(&[*byte]).await?;
            self.io.flush().await?;
            tokio::time::sleep(interval).await;
        }
        Ok(())
    }

    /// Reads and forgets until the client goes away.
    pub(super) async fn stall(&mut self) -> io::Result<()> {
        loop {
            self.fill().await?;
            self.inbox.advance(self.inbox.len());
        }
    }

    /// Closing will reset the connection.
    pub(super) fn reset_on_close(&self) -> io::Result<()> {
        self.reset.store(true, Relaxed);
        self.socket.set_linger(Some(Duration::ZERO))
    }

    /// The server's half of a TLS handshake.
    pub(super) async fn secure(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        self.flush().await?;
        let plain = std::mem::replace(&mut self.io, Box::new(tokio::io::empty()));
        match TlsAcceptor::from(config).accept(plain).await {
            Ok(secured) => {
                Counters::add(&self.counters.tls_handshakes, 1);
                self.io = Box::new(secured);
                Ok(())
            }
            Err(error) => {
                Counters::add(&self.counters.tls_failures, 1);
                Err(error)
            }
        }
    }

    /// An orderly end, with TLS `close_notify`.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.io.shutdown().await
    }
}
