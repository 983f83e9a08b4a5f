//! `smtp`: the relays, how long to wait for them, and where bounces go.

use super::Span;
use super::problem::Findings;
use crate::cli::say::say;
use owabi_smtp::relay::is_loopback;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `smtp`: everything about handing mails to relays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// The relays; at least one.
    pub relays: Vec<Relay>,
    /// The longest wait in each phase.
    pub deadlines: Deadlines,
    /// Where bounces go.
    pub bounce: Bounce,
    /// Ask relays that offer DSN to report deliveries too, not only failures; a notice's policy may say otherwise.
    pub notify_success: bool,
}

/// How a connection is protected. `starttls` and `implicit` are required and verified, never "if possible".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// In the clear: for a relay on the same machine.
    None,
    /// In the clear until STARTTLS.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
}

/// One relay: an SMTP server that mails are handed to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Relay {
    /// Its name in logs, the console and the delivery log; unique.
    pub name: String,
    /// Host name or IP address.
    pub host: String,
    /// Port; `None` means the usual one, see [`Relay::port`].
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: Tls,
    /// PEM file of the only authorities to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The name its certificate must have, when it is not `host`.
    pub server_name: Option<String>,
    /// What to call ourselves in EHLO; `None` means the bounce address's domain, see [`Smtp::helo`].
    pub helo: Option<String>,
    /// User name; without one nobody logs in.
    pub user: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// Name of the systemd credential with the password.
    pub password_credential: Option<String>,
    /// Allow logging in over an unprotected connection.
    pub auth_without_tls: bool,
    /// Share of the mails among the relays; 0 is a standby, used when all others are down.
    pub weight: u32,
    /// Connections at a time.
    pub max_connections: u32,
    /// Mails on one connection before a new one is opened.
    pub messages_per_connection: u32,
    /// Mails of one connection whose answer is not known yet: the most that a crash leaves in doubt.
    pub in_flight: u32,
    /// Use CHUNKING where it is offered.
    pub chunking: bool,
    /// Mails a second; `None` is no limit.
    pub rate: Option<f64>,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            name: String::new(),
            host: String::new(),
            port: None,
            tls: Tls::default(),
            ca_file: None,
            server_name: None,
            helo: None,
            user: None,
            password_file: None,
            password_credential: None,
            auth_without_tls: false,
            weight: 1,
            max_connections: 10,
            messages_per_connection: 100,
            in_flight: 2,
            chunking: true,
            rate: None,
        }
    }
}

impl Relay {
    /// The port to connect to: 465 for implicit TLS, 587 for STARTTLS, 25 in the clear, unless it is set.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::None => 25,
            Tls::Starttls => 587,
            Tls::Implicit => 465,
        })
    }

    /// The name its certificate must have.
    pub fn server_name(&self) -> &str {
        self.server_name.as_deref().unwrap_or(&self.host)
    }

    fn resolve(&mut self, folder: &Path) {
        super::resolve_option(&mut self.ca_file, folder);
        super::resolve_option(&mut self.password_file, folder);
    }

    fn validate(&self, at: &str, found: &mut Findings) {
        if self.name.trim().is_empty() {
            found.refuse_with(
                format!("{at}.name"),
                say!(ja: "名前が指定されていません。", en: "is missing"),
                say!(ja: "中継サーバーに名前を付けてください。例: name: main", en: "name the relay, for example: name: main"),
            );
        }
        if self.host.is_empty() || self.host.contains(|c: char| c.is_whitespace() || c == '/') {
            found.refuse_with(
                format!("{at}.host"),
                say!(ja: "ホスト名でも IP アドレスでもありません。", en: "is not a host name or IP address"),
                say!(ja: "例: smtp.example.jp", en: "for example: smtp.example.jp"),
            );
        }
        if self.port == Some(0) {
            found.refuse(
                format!("{at}.port"),
                say!(ja: "1 から 65535 までにしてください。", en: "must be between 1 and 65535"),
            );
        }
        for (key, n) in [
            ("max_connections", self.max_connections),
            ("messages_per_connection", self.messages_per_connection),
            ("in_flight", self.in_flight),
        ] {
            found.at_least_one(format!("{at}.{key}"), n);
        }
        found.rate(format!("{at}.rate"), self.rate);
        self.validate_login(at, found);
    }

    fn validate_login(&self, at: &str, found: &mut Findings) {
        let (file, credential) = (self.password_file.as_deref(), self.password_credential.as_deref());
        super::secret::one_source(found, at, file, credential);
        if self.user.is_some() != (file.is_some() || credential.is_some()) {
            found.refuse(
                format!("{at}.user"),
                say!(
                    ja: "ユーザー名とパスワードは両方とも必要です。user と、password_file か password_credential の一方を指定してください。",
                    en: "user and password go together: set user and one of password_file, password_credential"
                ),
            );
        }
        if self.user.is_some() && self.tls == Tls::None && !self.auth_without_tls {
            found.in_the_clear(format!("{at}.tls"));
        }
        if self.ca_file.is_some() && self.tls == Tls::None {
            found.without_tls(format!("{at}.ca_file"));
        }
    }
}

/// `smtp.deadlines`: after this long without the whole answer the connection is given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deadlines {
    /// Opening the TCP connection.
    pub connect: Span,
    /// The greeting.
    pub greeting: Span,
    /// EHLO.
    pub ehlo: Span,
    /// STARTTLS and the handshake.
    pub tls: Span,
    /// The whole login.
    pub auth: Span,
    /// MAIL.
    pub mail: Span,
    /// RCPT.
    pub rcpt: Span,
    /// DATA, until 354.
    pub data: Span,
    /// Each write of the body.
    pub body: Span,
    /// The answer after the final dot (or BDAT LAST); later answers leave the mail in doubt.
    pub dot: Span,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Span::seconds(30),
            greeting: Span::minutes(5),
            ehlo: Span::minutes(5),
            tls: Span::minutes(1),
            auth: Span::minutes(1),
            mail: Span::minutes(5),
            rcpt: Span::minutes(5),
            data: Span::minutes(2),
            body: Span::minutes(3),
            dot: Span::minutes(5),
        }
    }
}

impl Deadlines {
    fn validate(&self, found: &mut Findings) {
        for (key, span) in [
            ("connect", self.connect),
            ("greeting", self.greeting),
            ("ehlo", self.ehlo),
            ("tls", self.tls),
            ("auth", self.auth),
            ("mail", self.mail),
            ("rcpt", self.rcpt),
            ("data", self.data),
            ("body", self.body),
            ("dot", self.dot),
        ] {
            if span == Span::ZERO {
                found.no_time(format!("smtp.deadlines.{key}"));
            }
        }
    }
}

/// `smtp.bounce`: the envelope sender.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounce {
    /// `bounces@example.jp`: mails leave as `bounces+<token>@example.jp`.
    pub address: String,
}

impl Bounce {
    /// Local part and domain of the address.
    pub fn parts(&self) -> Option<(&str, &str)> {
        let (local, domain) = self.address.rsplit_once('@')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let good = !local.is_empty() && !domain.is_empty() && self.address.replace('@', "").chars().all(plain);
        (good && self.address.matches('@').count() == 1).then_some((local, domain))
    }
}

impl Smtp {
    /// What to call ourselves in EHLO to `relay`.
    pub fn helo<'a>(&'a self, relay: &'a Relay) -> &'a str {
        let domain = self.bounce.parts().map_or("localhost", |(_, domain)| domain);
        relay.helo.as_deref().unwrap_or(domain)
    }

    /// The relays to which mails go in the clear over a network.
    pub fn in_the_clear(&self) -> impl Iterator<Item = &Relay> {
        self.relays.iter().filter(|relay| relay.tls == Tls::None && !is_loopback(&relay.host))
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        self.relays.iter_mut().for_each(|relay| relay.resolve(folder));
    }

    pub(super) fn validate(&self, found: &mut Findings) {
        if self.relays.is_empty() {
            found.refuse_with(
                "smtp.relays",
                say!(ja: "中継サーバーが一つもありません。", en: "no relay is configured"),
                say!(
                    ja: "例: relays: [{{ name: main, host: smtp.example.jp }}]",
                    en: "for example: relays: [{{ name: main, host: smtp.example.jp }}]"
                ),
            );
        }
        for (n, relay) in self.relays.iter().enumerate() {
            let at = format!("smtp.relays[{n}]");
            relay.validate(&at, found);
            if self.relays[..n].iter().any(|other| other.name == relay.name && !relay.name.is_empty()) {
                let name = &relay.name;
                found.refuse(
                    format!("{at}.name"),
                    say!(ja: "{name} という名前の中継サーバーがほかにもあります。", en: "another relay is called {name} too"),
                );
            }
        }
        self.deadlines.validate(found);
        if self.bounce.parts().is_none() {
            found.refuse_with(
                "smtp.bounce.address",
                say!(ja: "不達通知を受け取れるアドレスではありません。", en: "is not an address that bounces can go to"),
                say!(
                    ja: "+ を含まない、読むことのできるアドレスを書いてください。例: bounces@example.jp",
                    en: "an address without + that you read, for example: bounces@example.jp"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_go_in_the_clear_where_nothing_protects_them_and_the_relay_is_another_machine() {
        let clear = |host: &str, tls| {
            let relay = Relay { host: host.to_owned(), tls, ..Relay::default() };
            Smtp { relays: vec![relay], ..Smtp::default() }.in_the_clear().count() == 1
        };
        for own in ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "Localhost"] {
            assert!(!clear(own, Tls::None), "{own}");
        }
        for other in ["192.0.2.1", "10.0.0.1", "relay.example.jp", "localhost.example.jp", "2001:db8::1"] {
            assert!(clear(other, Tls::None), "{other}");
            assert!(!clear(other, Tls::Starttls) && !clear(other, Tls::Implicit), "{other}");
        }
    }
}
