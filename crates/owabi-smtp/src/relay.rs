//! How to reach one relay: everything a connection needs to know, and how long it waits.

use secrecy::SecretString;
use std::time::Duration;

/// One relay as it was configured.
#[derive(Clone, Debug)]
pub struct Relay {
    /// The name used in the log, the console and the metrics.
    pub name: String,
    /// Host name or address literal to connect to.
    pub host: String,
    /// TCP port: 25, 465 or 587.
    pub port: u16,
    /// How the connection is protected. Whatever is chosen is required: there is no silent fallback.
    pub tls: Tls,
    /// PEM certificates trusted instead of the system's roots. They must be certificate authorities, not the relay's own certificate.
    pub ca_pem: Option<Vec<u8>>,
    /// The name the certificate must bear; `None` means `host`.
    pub server_name: Option<String>,
    /// The account to log in with, if the relay wants one.
    pub auth: Option<Login>,
    /// Lets the password travel without TLS to a relay that is not on this machine.
    pub auth_without_tls: bool,
    /// The name said in EHLO.
    pub helo: String,
    /// Mails handed over before the connection is renewed. At least 1.
    pub messages_per_connection: u32,
    /// Mails whose outcome may be open at once on this connection, 1 to 64.
    pub in_flight: usize,
    /// Whether CHUNKING (RFC 3030) is used when the relay offers it.
    pub chunking: bool,
    /// How long each step may take.
    pub deadlines: Deadlines,
}

impl Relay {
    /// A relay at `host:port` with the defaults: no TLS, no login, 1000 mails a connection, 2 in flight.
    pub fn new(name: impl Into<String>, host: impl Into<String>, port: u16) -> Self {
        Self {
            name: name.into(),
            host: host.into(),
            port,
            tls: Tls::None,
            ca_pem: None,
            server_name: None,
            auth: None,
            auth_without_tls: false,
            helo: "localhost".to_owned(),
            messages_per_connection: 1000,
            in_flight: 2,
            chunking: true,
            deadlines: Deadlines::default(),
        }
    }

    /// The name that the relay's certificate must bear.
    pub fn tls_name(&self) -> &str {
        self.server_name.as_deref().unwrap_or(&self.host)
    }

    /// Whether the relay is on this machine, judged by its configured name alone.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Whether a host is this machine, judged by its name alone.
pub fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    literal.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain text.
    None,
    /// STARTTLS (RFC 3207), required and verified.
    StartTls,
    /// TLS from the first byte (RFC 8314), verified.
    Implicit,
}

/// An account at the relay. `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account's name.
    pub user: String,
    /// The account's password.
    pub password: SecretString,
}

/// How long one step may take, from the moment its command has left. One deadline covers a whole reply, however slowly it trickles in.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// TCP connect, for each address of the relay.
    pub connect: Duration,
    /// The 220 greeting.
    pub greeting: Duration,
    /// The reply to EHLO or HELO.
    pub ehlo: Duration,
    /// STARTTLS and the handshake, each.
    pub tls: Duration,
    /// Each reply of the AUTH exchange.
    pub auth: Duration,
    /// The reply to MAIL, and to RSET.
    pub mail: Duration,
    /// The reply to RCPT.
    pub rcpt: Duration,
    /// The 354.
    pub data: Duration,
    /// Writing: the longest time without any progress.
    pub body_block: Duration,
    /// The reply to the final dot or to BDAT LAST.
    pub dot: Duration,
    /// The reply to QUIT, and what follows a 421.
    pub quit: Duration,
}

impl Default for Deadlines {
    /// RFC 5321 section 4.5.3.2; connect and quit, of which it says nothing, are 30 s and 5 s.
    fn default() -> Self {
        let minutes = Duration::from_mins;
        Self {
            connect: Duration::from_secs(30),
            greeting: minutes(5),
            ehlo: minutes(5),
            tls: minutes(2),
            auth: minutes(2),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            body_block: minutes(3),
            dot: minutes(10),
            quit: Duration::from_secs(5),
        }
    }
}
