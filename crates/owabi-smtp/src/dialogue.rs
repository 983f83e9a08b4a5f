//! One question, one answer: how a connection talks until the mails begin.

use crate::relay::{Deadlines, Relay};
use crate::tls::{self, Stream};
use crate::wire::ReplyReader;
use owabi_core::outcome::{Fault, FaultKind, Phase};
use owabi_core::reply::Reply;
use owabi_core::text::{Text, say};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// A fresh connection. The reader moves on with the stream, so that no byte is lost between opening and sending.
pub(crate) struct Dialogue {
    pub(crate) stream: Stream,
    pub(crate) reader: ReplyReader,
    deadlines: Deadlines,
}

impl Dialogue {
    pub(crate) fn new(stream: Stream, deadlines: Deadlines) -> Self {
        Self { stream, reader: ReplyReader::default(), deadlines }
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }

    /// Says `command` and reads its reply, all within the phase's deadline.
    pub(crate) async fn ask(&mut self, command: &[u8], phase: Phase) -> Result<Reply, Fault> {
        self.reply_to(command, phase).await
    }

    /// Reads the reply that comes unasked: the greeting.
    pub(crate) async fn listen(&mut self, phase: Phase) -> Result<Reply, Fault> {
        self.reply_to(b"", phase).await
    }

    /// Turns the plain connection into a verified TLS one. Bytes that came before the handshake could be an attacker's.
    pub(crate) async fn start_tls(self, relay: &Relay) -> Result<Self, Fault> {
        let (deadlines, stream) = (self.deadlines, self.into_plain()?);
        let by = Instant::now() + relay.deadlines.tls;
        let wrapped = timeout_at(by, tls::wrap(stream, relay)).await;
        let stream = wrapped.map_err(|_| late(Phase::Tls, relay.deadlines.tls))??;
        Ok(Self::new(stream, deadlines))
    }

    /// The connection as it is before the handshake, if nothing came that nobody asked for.
    pub(crate) fn into_plain(self) -> Result<TcpStream, Fault> {
        let (Stream::Plain(stream), true) = (self.stream, self.reader.is_empty()) else {
            return Err(tls::fault(say!(
                ja: "TLS が始まる前に、求めていないデータが届きました(RFC 3207: インジェクション)",
                en: "the relay sent bytes before the TLS handshake (RFC 3207: injection)"
            )));
        };
        Ok(stream)
    }

    async fn reply_to(&mut self, command: &[u8], phase: Phase) -> Result<Reply, Fault> {
        let allowed = self.allowed(phase);
        let exchange = async {
            self.stream.write_all(command).await.map_err(|error| lost(phase, &error))?;
            self.stream.flush().await.map_err(|error| lost(phase, &error))?;
            read_reply(&mut self.stream, &mut self.reader, phase).await
        };
        timeout_at(Instant::now() + allowed, exchange).await.map_err(|_| late(phase, allowed))?
    }

    fn allowed(&self, phase: Phase) -> Duration {
        allowed(&self.deadlines, phase)
    }
}

async fn read_reply(stream: &mut Stream, reader: &mut ReplyReader, phase: Phase) -> Result<Reply, Fault> {
    let mut bytes = [0; 2048];
    loop {
        if let Some(reply) = reader.next_reply().map_err(|error| garbled(phase, error))? {
            return Ok(reply);
        }
        match stream.read(&mut bytes).await {
            Ok(0) => return Err(connection(phase, closed())),
            Ok(n) => reader.feed(&bytes[..n]),
            Err(error) => return Err(lost(phase, &error)),
        }
    }
}

/// How long the reply of `phase` may take.
pub(crate) fn allowed(deadlines: &Deadlines, phase: Phase) -> Duration {
    match phase {
        Phase::Connect => deadlines.connect,
        Phase::Greeting => deadlines.greeting,
        Phase::Ehlo => deadlines.ehlo,
        Phase::Tls => deadlines.tls,
        Phase::Auth => deadlines.auth,
        Phase::Mail => deadlines.mail,
        Phase::Rcpt => deadlines.rcpt,
        Phase::Data => deadlines.data,
        Phase::Dot => deadlines.dot,
    }
}

pub(crate) fn connection(phase: Phase, detail: Text) -> Fault {
    Fault { phase, kind: FaultKind::Connection, reply: None, detail }
}

pub(crate) fn closed() -> Text {
    say!(ja: "中継サーバーが接続を切りました", en: "the relay closed the connection")
}

/// The system's commonest words in Japanese; others stay as they are.
pub(crate) fn in_japanese(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "接続を拒否されました".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            "相手が接続を切りました".to_owned()
        }
        io::ErrorKind::TimedOut => "応答がありません".to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "経路がありません".to_owned(),
        _ => error.to_string(),
    }
}

pub(crate) fn lost(phase: Phase, error: &io::Error) -> Fault {
    let why = in_japanese(error);
    let detail = say!(
        ja: "中継サーバーとの接続が失われました({why})",
        en: "the connection to the relay was lost: {error}"
    );
    connection(phase, detail)
}

pub(crate) fn late(phase: Phase, allowed: Duration) -> Fault {
    let seconds = allowed.as_secs_f32();
    let detail = say!(
        ja: "中継サーバーが {seconds} 秒以内に応答しませんでした",
        en: "the relay did not answer within {seconds} s"
    );
    Fault { phase, kind: FaultKind::Timeout, reply: None, detail }
}

pub(crate) fn garbled(phase: Phase, error: crate::wire::WireError) -> Fault {
    Fault { phase, kind: FaultKind::Protocol, reply: None, detail: error.text() }
}
