//! From a host's name to a connection that is protected and logged in.

use super::Mailbox;
use super::connection::{Connection, Deadlines};
use super::response::{Said, Status};
use super::trouble::{Trouble, code};
use super::wire::Wire;
use crate::cli::say::say;
use crate::config::Tls;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use owabi_smtp::tls::{self, Stream};
use secrecy::ExposeSecret as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects, protects and logs in.
pub(super) async fn open(mailbox: &Mailbox) -> Result<Connection, Trouble> {
    let mut connection = match mailbox.settings.tls {
        Tls::Implicit => implicit(mailbox).await?,
        Tls::Starttls => starttls(mailbox).await?,
        Tls::None => plain(mailbox).await?,
    };
    log_in(mailbox, &mut connection).await?;
    // What a server can do depends on who asks.
    connection.ask_capabilities().await?;
    Ok(connection)
}

async fn implicit(mailbox: &Mailbox) -> Result<Connection, Trouble> {
    let stream = secure(mailbox, reach(mailbox).await?).await?;
    let mut connection = Connection::new(Wire::new(stream), mailbox.deadlines);
    welcome(&connection.greeting().await?)?;
    connection.ask_capabilities().await?;
    Ok(connection)
}

async fn plain(mailbox: &Mailbox) -> Result<Connection, Trouble> {
    if !mailbox.settings.auth_without_tls {
        return Err(Trouble::Setup("the password may not travel without TLS: set receipts.imap.tls".to_owned()));
    }
    let stream = Stream::Plain(reach(mailbox).await?);
    let mut connection = Connection::new(Wire::new(stream), mailbox.deadlines);
    welcome(&connection.greeting().await?)?;
    connection.ask_capabilities().await?;
    Ok(connection)
}

async fn starttls(mailbox: &Mailbox) -> Result<Connection, Trouble> {
    let stream = Stream::Plain(reach(mailbox).await?);
    let mut connection = Connection::new(Wire::new(stream), mailbox.deadlines);
    if welcome(&connection.greeting().await?)? == Welcome::LoggedIn {
        // STARTTLS is no longer possible then, and whoever is in between may have wanted that.
        return Err(Trouble::Setup("it logs in by itself, so STARTTLS cannot protect the connection".to_owned()));
    }
    connection.ask_capabilities().await?;
    if !connection.can("STARTTLS") {
        return Err(Trouble::Setup("it does not offer STARTTLS: use tls: implicit if it has that".to_owned()));
    }
    connection.must("STARTTLS", connection.small("STARTTLS"), |_| {}).await?;
    let Stream::Plain(stream) = connection.into_wire().into_inner()? else {
        return Err(Trouble::Setup("the connection is protected already".to_owned()));
    };
    let stream = secure(mailbox, stream).await?;
    let mut connection = Connection::new(Wire::new(stream), mailbox.deadlines);
    // What was said in the clear does not count.
    connection.ask_capabilities().await?;
    Ok(connection)
}

async fn reach(mailbox: &Mailbox) -> Result<TcpStream, Trouble> {
    let host = mailbox.host.trim_start_matches('[').trim_end_matches(']');
    let Deadlines { connect, step, .. } = mailbox.deadlines;
    let looking_up = timeout(step, tokio::net::lookup_host((host, mailbox.settings.port()))).await;
    let addresses = looking_up.map_err(|_| Trouble::Silent("looking up its address"))?;
    let addresses = addresses.map_err(|error| Trouble::Unreachable(error.to_string()))?;
    let mut last = Trouble::Unreachable("it has no address".to_owned());
    for address in addresses {
        match timeout(connect, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Only speed depends on it.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Trouble::Unreachable(error.to_string()),
            Err(_) => last = Trouble::Silent("connecting"),
        }
    }
    Err(last)
}

async fn secure(mailbox: &Mailbox, stream: TcpStream) -> Result<Stream, Trouble> {
    let settings = &mailbox.settings;
    let ca = match &settings.ca_file {
        Some(file) => Some(tokio::fs::read(file).await.map_err(|error| {
            Trouble::Setup(format!("receipts.imap.ca_file {} cannot be read: {error}", file.display()))
        })?),
        None => None,
    };
    let name = settings.server_name.as_deref().unwrap_or(&mailbox.host);
    let whom = say!(ja: "IMAP サーバー", en: "the IMAP server");
    let handshake = tls::secure(stream, name, ca.as_deref(), &whom);
    let secured = timeout(mailbox.deadlines.step, handshake).await;
    secured.map_err(|_| Trouble::Silent("TLS handshake"))?.map_err(|why| Trouble::Setup(why.en))
}

#[derive(PartialEq)]
enum Welcome {
    Guest,
    LoggedIn,
}

fn welcome(said: &Said) -> Result<Welcome, Trouble> {
    match said.status {
        Status::Ok => Ok(Welcome::Guest),
        Status::PreAuth => Ok(Welcome::LoggedIn),
        _ => Err(Trouble::Refused("the connection", code(said))),
    }
}

/// One try: a wrong password must not lock the account.
async fn log_in(mailbox: &Mailbox, connection: &mut Connection) -> Result<(), Trouble> {
    let (user, password) = (mailbox.settings.user.as_str(), mailbox.password.expose_secret());
    let bounds = connection.small("LOGIN");
    let login_allowed = !connection.can("LOGINDISABLED") && [user, password].into_iter().all(is_quotable);
    let said = if login_allowed {
        connection.command(&format!("LOGIN {} {}", quoted(user), quoted(password)), bounds, |_| {}).await?
    } else if connection.can("AUTH=PLAIN") {
        let response = STANDARD.encode(format!("\0{user}\0{password}"));
        connection.continued("AUTHENTICATE PLAIN", &response, bounds).await?
    } else if connection.is_tls() || !connection.can("LOGINDISABLED") {
        return Err(Trouble::Login(
            "it offers no way to log in that owabi knows and that fits this user and password: LOGIN or AUTH=PLAIN"
                .to_owned(),
        ));
    } else {
        return Err(Trouble::Login("it takes no password without TLS: set receipts.imap.tls".to_owned()));
    };
    judge(&said)
}

fn judge(said: &Said) -> Result<(), Trouble> {
    let passing = ["UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT"].iter().any(|code| said.has_code(code));
    match said.status {
        Status::Ok => Ok(()),
        _ if passing => Err(Trouble::Refused("the login for now", code(said))),
        _ => {
            let advice = "check receipts.imap.user and its password, and whether the account may use IMAP";
            Err(Trouble::Login(format!("it refused the login{}: {advice}", code(said))))
        }
    }
}

fn is_quotable(word: &str) -> bool {
    word.bytes().all(|octet| (b' '..=b'~').contains(&octet))
}

/// As a quoted string. The caller has seen to it that no control characters are in it.
pub(super) fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}
