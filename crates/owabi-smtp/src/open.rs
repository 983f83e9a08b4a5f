//! From a configured relay to a connection that takes mails: connect, greeting, EHLO, TLS, AUTH.

use crate::auth;
use crate::capabilities::Capabilities;
use crate::dialogue::{Dialogue, connection, in_japanese, late};
use crate::relay::{Relay, Tls};
use crate::session::Session;
use crate::tls::{self, Stream};
use lettre::transport::smtp::commands::{Ehlo, Starttls};
use lettre::transport::smtp::extension::ClientId;
use owabi_core::outcome::{Fault, FaultKind, Phase};
use owabi_core::reply::Reply;
use owabi_core::text::{Text, say};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// A dead peer is noticed after about this long, even while nothing is due from it.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// Opens a connection to the relay, ready for mails.
///
/// # Errors
/// A [`Fault`] of the step that failed: [`FaultKind::Connection`] and [`FaultKind::Timeout`] when the relay cannot be
/// reached or is silent, [`FaultKind::Busy`] when it turns us away (421, 4xx, 554), [`FaultKind::Tls`] when the
/// protection asked for cannot be had, [`FaultKind::Auth`] when the login is refused, [`FaultKind::Protocol`] for what
/// is no SMTP. Nothing but EHLO is ever said before TLS where TLS is asked for.
pub async fn open(relay: &Relay) -> Result<Session, Fault> {
    let stream = connect(relay).await?;
    let mut talk = Dialogue::new(Stream::Plain(stream), relay.deadlines);
    if relay.tls == Tls::Implicit {
        talk = talk.start_tls(relay).await?;
    }
    greeting(&mut talk).await?;
    let mut offers = hello(&mut talk, relay).await?;
    if relay.tls == Tls::StartTls {
        talk = start_tls(talk, relay, &offers).await?;
        offers = hello(&mut talk, relay).await?;
    }
    if let Some(login) = &relay.auth {
        auth::log_in(&mut talk, relay, login, &offers).await?;
    }
    tracing::debug!(relay = relay.name, tls = talk.stream.description(), "relay connection open");
    Ok(Session::new(talk, relay, offers))
}

/// The relay's greeting.
pub(crate) async fn greeting(talk: &mut Dialogue) -> Result<Reply, Fault> {
    let greeting = talk.listen(Phase::Greeting).await?;
    let turned_away = say!(ja: "中継サーバーに接続を断られました", en: "the relay turned the connection away");
    expect(greeting, Phase::Greeting, turned_away)
}

/// A host's name, or an address without the brackets that it may have.
pub(crate) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Tries every address of the relay in turn.
async fn connect(relay: &Relay) -> Result<TcpStream, Fault> {
    let allowed = relay.deadlines.connect;
    let found = timeout(allowed, lookup_host((bare(&relay.host), relay.port)))
        .await
        .map_err(|_| late(Phase::Connect, allowed))?;
    let addresses = found.map_err(|error| unreachable(relay, &error))?;
    let host = &relay.host;
    let no_address =
        say!(ja: "中継サーバーの名前 {host} にアドレスがありません", en: "the relay's name {host} has no address");
    let mut last = connection(Phase::Connect, no_address);
    for address in addresses {
        match timeout(allowed, dial(address, relay.deadlines.body_block)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = unreachable(relay, &error),
            Err(_) => last = late(Phase::Connect, allowed),
        }
    }
    Err(last)
}

/// Without `TCP_NODELAY` the end of a mail could wait 40 ms for an acknowledgement. The user timeout also ends a peer that
/// acknowledges but takes nothing, so it may not be shorter than the deadline for writing.
pub(crate) async fn dial(address: SocketAddr, body_block: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4).with_retries(4))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(body_block))?;
    Ok(stream)
}

/// EHLO, or HELO to a relay that does not know it.
pub(crate) async fn hello(talk: &mut Dialogue, relay: &Relay) -> Result<Capabilities, Fault> {
    let helo = relay.helo.replace(['\r', '\n'], "");
    let command = Ehlo::new(ClientId::Domain(helo.clone())).to_string();
    let reply = talk.ask(command.as_bytes(), Phase::Ehlo).await?;
    if reply.class() == 5 {
        let reply = talk.ask(format!("HELO {helo}\r\n").as_bytes(), Phase::Ehlo).await?;
        let refused = say!(ja: "中継サーバーが EHLO も HELO も断りました", en: "the relay refused EHLO and HELO");
        expect(reply, Phase::Ehlo, refused)?;
        return Ok(Capabilities::default());
    }
    let refused = say!(ja: "中継サーバーが EHLO を断りました", en: "the relay refused EHLO");
    Ok(Capabilities::parse(&expect(reply, Phase::Ehlo, refused)?))
}

async fn start_tls(mut talk: Dialogue, relay: &Relay, offers: &Capabilities) -> Result<Dialogue, Fault> {
    ask_for_tls(&mut talk, offers).await?;
    talk.start_tls(relay).await
}

/// STARTTLS, up to the relay's yes.
pub(crate) async fn ask_for_tls(talk: &mut Dialogue, offers: &Capabilities) -> Result<(), Fault> {
    if !offers.starttls {
        return Err(tls::fault(say!(
            ja: "中継サーバーが、必要な STARTTLS を提示しません",
            en: "the relay does not offer STARTTLS, which is required"
        )));
    }
    let reply = talk.ask(Starttls.to_string().as_bytes(), Phase::Tls).await?;
    if reply.code != 220 {
        let refused = say!(
            ja: "中継サーバーが、必要な STARTTLS を断りました",
            en: "the relay refused STARTTLS, which is required"
        );
        return Err(Fault { reply: Some(reply), ..tls::fault(refused) });
    }
    Ok(())
}

/// 2xx, or the fault that the relay's refusal is.
pub(crate) fn expect(reply: Reply, phase: Phase, detail: Text) -> Result<Reply, Fault> {
    let kind = match reply.class() {
        2 => return Ok(reply),
        4 | 5 => FaultKind::Busy,
        _ => FaultKind::Protocol,
    };
    Err(Fault { phase, kind, reply: Some(reply), detail })
}

pub(crate) fn unreachable(relay: &Relay, error: &io::Error) -> Fault {
    let Relay { host, port, .. } = relay;
    let why = in_japanese(error);
    let detail = say!(ja: "{host}:{port} につながりません({why})", en: "{host}:{port} cannot be reached: {error}");
    connection(Phase::Connect, detail)
}
