//! A relay that follows a script over a real socket: expect this line, answer that, drop, wait.

use bytes::Bytes;
use owabi_core::outcome::{Fault, Outcome};
use owabi_smtp::envelope::Parcel;
use owabi_smtp::relay::Relay;
use owabi_smtp::session::Session;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Where a relay stands still.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    reached: Arc<Notify>,
    open: Arc<Notify>,
}

impl Gate {
    /// Until the relay stands at it.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the relay go on.
    pub(crate) fn open(&self) {
        self.open.notify_one();
    }
}

/// One step of a script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Send these bytes.
    Say(Vec<u8>),
    /// Read until the next line, which must begin with this.
    Hear(&'static str),
    /// Read up to and including the final dot line.
    HearDot,
    /// Read that many octets.
    HearOctets(usize),
    /// Say one byte at a time, that far apart.
    Trickle(&'static str, Duration),
    /// Wait before going on.
    Pause(Duration),
    /// Do nothing, read nothing, until the gate is opened.
    Hold(Gate),
}

pub(crate) fn say(text: &str) -> Step {
    Step::Say(text.as_bytes().to_vec())
}

pub(crate) fn hear(prefix: &'static str) -> Step {
    Step::Hear(prefix)
}

/// Greeting and EHLO with these capability lines.
pub(crate) fn greet(offers: &[&str]) -> Vec<Step> {
    let lines = offers.iter().map(|offer| format!("250-{offer}\r\n")).collect::<Vec<_>>().concat();
    vec![say("220 relay.test\r\n"), hear("EHLO"), say(&format!("250-relay.test\r\n{lines}250 HELP\r\n"))]
}

/// Starts a relay that serves one connection by `script`, then reads until the client goes away and returns what was
/// left to read.
pub(crate) async fn relay(script: Vec<Step>) -> (Relay, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        serve(stream, script).await
    });
    (Relay { in_flight: 8, ..Relay::new("test", "127.0.0.1", port) }, served)
}

/// As [`relay`], but the connection is dropped as soon as the script is done.
pub(crate) async fn dropping(mut script: Vec<Step>) -> (Relay, JoinHandle<String>) {
    script.push(Step::Pause(Duration::MAX));
    relay(script).await
}

pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: Vec<Step>) -> String {
    let mut heard = Vec::new();
    for step in script {
        match step {
            Step::Say(bytes) => stream.write_all(&bytes).await.unwrap(),
            Step::Hear(prefix) => {
                let line = take_line(&mut stream, &mut heard).await;
                assert!(line.starts_with(prefix), "heard {line:?}, expected {prefix:?}");
            }
            Step::HearDot => while take_line(&mut stream, &mut heard).await != ".\r\n" {},
            Step::HearOctets(octets) => {
                while heard.len() < octets {
                    fill(&mut stream, &mut heard).await;
                }
                heard.drain(..octets);
            }
            Step::Trickle(text, apart) => {
                for byte in text.as_bytes() {
                    if stream.write_all(&[*byte]).await.is_err() {
                        return String::new();
                    }
                    tokio::time::sleep(apart).await;
                }
            }
            Step::Pause(Duration::MAX) => return String::from_utf8_lossy(&heard).into_owned(),
            Step::Hold(gate) => {
                gate.reached.notify_one();
                gate.open.notified().await;
            }
            Step::Pause(long) => tokio::time::sleep(long).await,
        }
        stream.flush().await.unwrap();
    }
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8_lossy(&heard).into_owned()
}

async fn take_line<S: AsyncRead + Unpin>(stream: &mut S, heard: &mut Vec<u8>) -> String {
    loop {
        if let Some(end) = heard.iter().position(|b| *b == b'\n') {
            return String::from_utf8(heard.drain(..=end).collect()).unwrap();
        }
        fill(stream, heard).await;
    }
}

async fn fill<S: AsyncRead + Unpin>(stream: &mut S, heard: &mut Vec<u8>) {
    let mut bytes = [0; 4096];
    let octets = stream.read(&mut bytes).await.unwrap();
    assert!(octets > 0, "the client went away early; unread: {:?}", String::from_utf8_lossy(heard));
    heard.extend_from_slice(&bytes[..octets]);
}

pub(crate) const BODY: &str = "Subject: x\r\n\r\nbody\r\n";

pub(crate) fn parcel(id: u64) -> Parcel {
    Parcel {
        id,
        mail_from: format!("bounces+{id}@owabi.test"),
        rcpt_to: format!("m{id}@member.test"),
        envid: format!("a{id}"),
        orcpt: None,
        notify_success: false,
        smtputf8: false,
        body: Bytes::from_static(BODY.as_bytes()),
    }
}

/// A time that no test waits for.
pub(crate) fn far() -> Instant {
    Instant::now() + Duration::from_hours(24)
}

/// Pushes and permits mails `1..=count`, and runs the session until all of them finished or it closed.
pub(crate) async fn send(session: &mut Session, count: u64) -> (HashMap<u64, Outcome>, Option<Fault>) {
    for id in 1..=count {
        session.push(parcel(id));
        session.permit(id, far());
    }
    finish(session).await
}

pub(crate) async fn finish(session: &mut Session) -> (HashMap<u64, Outcome>, Option<Fault>) {
    let mut outcomes = HashMap::new();
    loop {
        let progress = tokio::time::timeout(Duration::from_secs(20), session.next()).await.expect("no progress");
        for done in progress.finished {
            assert!(outcomes.insert(done.id, done.outcome).is_none(), "mail {} finished twice", done.id);
        }
        if progress.closed.is_some() || session.idle() {
            return (outcomes, progress.closed);
        }
    }
}
