//! A client that says exactly what a test tells it to.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "each test file uses its part; a failure here fails the test"
)]

use std::ops::Deref;
use std::time::Duration;

use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Relay(pub(crate) CaptureRelay);

impl Deref for Relay {
    type Target = CaptureRelay;
    fn deref(&self) -> &CaptureRelay {
        &self.0
    }
}

impl Relay {
    /// Waits until no connection is open.
    pub(crate) async fn wait_closed(&self) {
        let closed = async {
            while self.stats().open > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, closed).await.unwrap();
    }
}

pub(crate) async fn start(options: CaptureOptions) -> Relay {
    Relay(CaptureRelay::start(options).await.unwrap())
}

pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

pub(crate) struct Client {
    pub(crate) io: Box<dyn Io>,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) fn over(io: impl Io + 'static) -> Self {
        Self { io: Box::new(io), unread: Vec::new() }
    }

    /// Connects without reading anything.
    pub(crate) async fn open(relay: &CaptureRelay) -> Self {
        Self::over(TcpStream::connect(relay.addr()).await.unwrap())
    }

    /// Connects and reads the greeting.
    pub(crate) async fn connect(relay: &CaptureRelay) -> Self {
        let mut client = Self::open(relay).await;
        assert!(client.read_lines(1).await.starts_with("220 "));
        client
    }

    /// Connects and says EHLO.
    pub(crate) async fn hello(relay: &CaptureRelay) -> Self {
        let mut client = Self::connect(relay).await;
        assert!(client.ask("EHLO me\r\n").await.starts_with("250"));
        client
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// One reply, all its lines.
    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.read_reply().await
    }

    pub(crate) async fn ask_lines(&mut self, text: &str, count: usize) -> String {
        self.send(text).await;
        self.read_lines(count).await
    }

    pub(crate) async fn read_reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let line = self.read_lines(1).await;
            let more = line.as_bytes().get(3) == Some(&b'-');
            reply.push_str(&line);
            if !more {
                return reply;
            }
        }
    }

    pub(crate) async fn read_lines(&mut self, count: usize) -> String {
        String::from_utf8(self.read_raw_lines(count).await).unwrap()
    }

    pub(crate) async fn read_raw_lines(&mut self, count: usize) -> Vec<u8> {
        loop {
            let ends = self.unread.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
            if let Some(end) = ends.clone().nth(count - 1) {
                return self.unread.drain(..end).collect();
            }
            let got = timeout(PATIENCE, self.io.read_buf(&mut self.unread)).await.unwrap().unwrap();
            assert!(got > 0, "the relay hung up after {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    /// Everything that comes within this time.
    pub(crate) async fn read_for(&mut self, time: Duration) -> Vec<u8> {
        let all = async { while let Ok(1..) = self.io.read_buf(&mut self.unread).await {} };
        let _ = timeout(time, all).await;
        std::mem::take(&mut self.unread)
    }

    /// The connection ends, orderly or not, and nothing more was said.
    pub(crate) async fn expect_end(&mut self) {
        let end = timeout(PATIENCE, self.io.read_buf(&mut self.unread)).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)) && self.unread.is_empty(), "{:?}", self.unread);
    }

    /// Commands with the beginnings of their replies; an empty one awaits none.
    pub(crate) async fn talk(&mut self, script: &[(&str, &str)]) {
        for (command, reply) in script {
            self.send(&format!("{command}\r\n")).await;
            if !reply.is_empty() {
                let got = self.read_reply().await;
                assert!(got.starts_with(reply), "{command}: {got}");
            }
        }
    }
}

/// Sends a mail that must be taken.
pub(crate) async fn take_one(client: &mut Client) {
    send_to(client, "b@example.jp").await;
}

/// Sends a mail to this recipient that must be taken.
pub(crate) async fn send_to(client: &mut Client, recipient: &str) {
    client.talk(&[("MAIL FROM:<a@example.jp>", "250"), (&format!("RCPT TO:<{recipient}>"), "250")]).await;
    client.talk(&[("DATA", "354"), ("", ""), ("Hello", ""), (".", "250")]).await;
}
