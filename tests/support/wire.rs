//! A wire between owabi and PostgreSQL that counts round trips, and that a test can cut, silence and lead elsewhere.
//!
//! It reads the messages of the protocol as they pass, so that it can lose the very answer that says whether something
//! was committed. It knows nothing of TLS.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A port of 127.0.0.1 that leads to a server. Dropping it cuts every connection.
pub(crate) struct Wire {
    url: String,
    lines: Arc<Lines>,
}

/// What all connections share.
#[derive(Debug, Default)]
struct Lines {
    /// The server's port.
    server: AtomicU16,
    down: AtomicBool,
    /// Ends the connections that there are.
    cut: Mutex<CancellationToken>,
    /// Nothing passes on the first so many connections.
    silent: watch::Sender<u64>,
    connections: AtomicU64,
    round_trips: AtomicU64,
    losses: Mutex<Losses>,
    lost: AtomicU64,
}

/// The answers to lose: of the statements that contain `text`, the ones with these numbers, from 1.
#[derive(Debug, Default)]
struct Losses {
    text: &'static str,
    numbers: Vec<u64>,
    seen: u64,
}

impl Losses {
    fn hit(&mut self, statement: &str) -> bool {
        if self.numbers.is_empty() || !statement.contains(self.text) {
            return false;
        }
        self.seen += 1;
        self.numbers.contains(&self.seen)
    }
}

impl Wire {
    /// A wire to the server of this URL, as `Database::url` gives it.
    pub(crate) async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (before, port, after) = parts(url);
        let url = format!("{before}{}{after}", listener.local_addr().unwrap().port());
        let lines = Arc::new(Lines { server: port.into(), ..Lines::default() });
        tokio::spawn(Arc::clone(&lines).accept(listener));
        Self { url, lines }
    }

    /// The same database, by this wire.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How often something was asked and answered, on all connections together. Whether a connection is still there
    /// (a `Sync` alone) is not counted: nobody waits for that.
    pub(crate) fn round_trips(&self) -> u64 {
        self.lines.round_trips.load(Ordering::SeqCst)
    }

    /// Connections that were accepted so far.
    pub(crate) fn connections(&self) -> u64 {
        self.lines.connections.load(Ordering::SeqCst)
    }

    /// From now on loses the answers to these (counted from 1) of the statements that contain `text`: the server does
    /// what it is told, and the connection ends before its answer is through.
    pub(crate) fn lose_answers(&self, text: &'static str, numbers: &[u64]) {
        *self.lines.losses.lock().unwrap() = Losses { text, numbers: numbers.to_vec(), seen: 0 };
    }

    /// Answers that were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lines.lost.load(Ordering::SeqCst)
    }

    /// Ends every connection and takes no new ones.
    pub(crate) fn down(&self) {
        self.lines.down.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Takes connections again.
    pub(crate) fn up(&self) {
        self.lines.down.store(false, Ordering::SeqCst);
    }

    /// Ends every connection; the next ones lead to the server of this URL.
    pub(crate) fn lead_to(&self, url: &str) {
        self.lines.server.store(parts(url).1, Ordering::SeqCst);
        self.cut();
    }

    /// Nothing passes any more on the connections that there are; later ones are well.
    pub(crate) fn silence(&self) {
        self.lines.silent.send_replace(self.connections());
    }

    /// Nothing passes any more, nor on later connections.
    pub(crate) fn silence_for_good(&self) {
        self.lines.silent.send_replace(u64::MAX);
    }

    /// What was held up on the way arrives.
    pub(crate) fn let_pass(&self) {
        self.lines.silent.send_replace(0);
    }

    fn cut(&self) {
        std::mem::take(&mut *self.lines.cut.lock().unwrap()).cancel();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.down();
    }
}

/// A URL up to its port, the port, and what follows.
fn parts(url: &str) -> (&str, u16, &str) {
    let start = url.find("127.0.0.1:").unwrap() + "127.0.0.1:".len();
    let end = start + url[start..].find('/').unwrap();
    (&url[..start], url[start..end].parse().unwrap(), &url[end..])
}

impl Lines {
    /// Takes connections for as long as the test has a runtime.
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            if self.down.load(Ordering::SeqCst) {
                continue;
            }
            let number = self.connections.fetch_add(1, Ordering::SeqCst);
            let cut = self.cut.lock().unwrap().clone();
            let line =
                Line { number, asked: AtomicBool::new(false), loses: AtomicBool::new(false), all: Arc::clone(&self) };
            tokio::spawn(async move {
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = line.carry(client) => {}
                }
            });
        }
    }
}

/// One connection.
struct Line {
    number: u64,
    /// The server owes an answer to more than whether it is there.
    asked: AtomicBool,
    /// The next answer gets lost.
    loses: AtomicBool,
    all: Arc<Lines>,
}

impl Line {
    /// Until one of the two ends.
    async fn carry(&self, client: TcpStream) {
        let port = self.all.server.load(Ordering::SeqCst);
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::select! {
            () = self.requests(from_client, to_server) => {}
            () = self.answers(from_server, to_client) => {}
        }
    }

    async fn requests(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        // The first message of a client has no kind.
        let mut messages = Messages { rest: vec![0] };
        let (mut statements, mut block) = (HashMap::new(), vec![0; 65_536]);
        while let Ok(n @ 1..) = from.read(&mut block).await {
            messages.read(&block[..n], |kind, body| self.request(kind, body, &mut statements));
            self.heard().await;
            if to.write_all(&block[..n]).await.is_err() {
                return;
            }
        }
        // The server does what it was told before it leaves, too.
        let _ = to.shutdown().await;
        std::future::pending::<()>().await;
    }

    fn request(&self, kind: u8, body: &[u8], statements: &mut HashMap<String, String>) {
        let mut texts = body.split(|octet| *octet == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        let mut text = || texts.next().unwrap_or_default();
        let executes = match kind {
            b'P' => {
                statements.insert(text(), text());
                None
            }
            b'B' => {
                let (_portal, name) = (text(), text());
                statements.get(&name).cloned()
            }
            b'Q' => Some(text()),
            _ => None,
        };
        if executes.is_some_and(|statement| self.all.losses.lock().unwrap().hit(&statement)) {
            self.loses.store(true, Ordering::SeqCst);
        }
        if kind != b'S' {
            self.asked.store(true, Ordering::SeqCst);
        }
    }

    async fn answers(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let (mut messages, mut block) = (Messages::default(), vec![0; 65_536]);
        while let Ok(n @ 1..) = from.read(&mut block).await {
            let mut is_ready = false;
            messages.read(&block[..n], |kind, _| is_ready |= kind == b'Z');
            if self.loses.load(Ordering::SeqCst) {
                if is_ready {
                    self.all.lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                continue;
            }
            if is_ready && self.asked.swap(false, Ordering::SeqCst) {
                self.all.round_trips.fetch_add(1, Ordering::SeqCst);
            }
            self.heard().await;
            if to.write_all(&block[..n]).await.is_err() {
                return;
            }
        }
    }

    /// Waits while nothing passes here.
    async fn heard(&self) {
        let mut silent = self.all.silent.subscribe();
        // It ends with the wire, which holds the sender.
        let _ = silent.wait_for(|silent| self.number >= *silent).await;
    }
}

/// Cuts octets into messages: a kind, four octets of length, a body.
#[derive(Default)]
struct Messages {
    rest: Vec<u8>,
}

impl Messages {
    fn read(&mut self, octets: &[u8], mut each: impl FnMut(u8, &[u8])) {
        self.rest.extend_from_slice(octets);
        let mut done = 0;
        while let [kind, a, b, c, d, after @ ..] = &self.rest[done..] {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize - 4;
            let Some(body) = after.get(..length) else { break };
            each(*kind, body);
            done += 5 + length;
        }
        self.rest.drain(..done);
    }
}
