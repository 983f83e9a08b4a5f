//! One connection: its state, its commands, and the way each answer is given.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use super::command::{Command, parse};
use super::envelope::Envelope;
use super::script::Point;
use super::shared::Shared;
use super::stats::Counters;
use super::wire::{Line, Wire, hung_up};

/// A code and a text: the enhanced status code stands first in the text.
pub(super) type Refusal = (u16, &'static str);

/// An open mail.
#[derive(Default)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    /// What BDAT brought so far; `None` before the first chunk.
    pub(super) chunks: Option<Vec<u8>>,
    /// A chunk was refused, so the rest will be.
    pub(super) failed: bool,
    /// The amounts of body after which the script wants to be asked, the next one last.
    pub(super) marks: Vec<usize>,
}

/// One connection.
pub(super) struct Session {
    pub(super) wire: Wire,
    pub(super) relay: Arc<Shared>,
    pub(super) id: u64,
    pub(super) client: IpAddr,
    /// Mails taken on this connection.
    pub(super) mails: u64,
    pub(super) tls: bool,
    pub(super) user: Option<String>,
    /// Whether EHLO (not HELO) was said; `None` before either.
    pub(super) extended: Option<bool>,
    /// The greeting was a refusal: only QUIT is left.
    refused: bool,
    pub(super) transaction: Option<Transaction>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.relay.counters.closed();
    }
}

impl Session {
    pub(super) fn new(wire: Wire, relay: Arc<Shared>, id: u64, client: IpAddr) -> Self {
        let (mails, tls, user, extended, refused, transaction) = Default::default();
        Self { wire, relay, id, client, mails, tls, user, extended, refused, transaction }
    }

    /// Serves the client until either side ends it.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.talk().await {
            tracing::trace!(connection = self.id, %error, "the connection ended");
        }
    }

    async fn talk(&mut self) -> io::Result<()> {
        self.hold(Point::Connect).await?;
        if let Some(config) = self.relay.options.implicit_tls.clone() {
            self.wire.secure(config).await?;
            self.tls = true;
        }
        let greeting = format!("{} {}", self.relay.options.name, self.relay.options.greeting);
        self.refused = !self.respond(Point::Greeting, 220, &greeting).await?;
        while self.next().await? {}
        self.wire.close().await
    }

    /// Serves one command; false after QUIT.
    async fn next(&mut self) -> io::Result<bool> {
        let line = self.wire.line().await?;
        Counters::add(&self.relay.counters.commands, 1);
        let line = match line {
            Line::Text(line) => line,
            Line::TooLong => return self.go_on(500, "5.5.2 Error: line too long").await,
            Line::BareLineFeed => return self.go_on(550, "5.5.2 Error: bare <LF> received").await,
            Line::NotUtf8 => return self.go_on(500, "5.5.2 Error: bad UTF-8 syntax").await,
        };
        self.relay.saw(self.id, &line);
        let command = parse(&line);
        if self.out_of_step(&command) {
            return self.hang_up_for_haste().await;
        }
        if self.refused && command != Command::Quit {
            return self.go_on(503, "5.5.1 Error: no service").await;
        }
        self.serve(command).await
    }

    async fn go_on(&mut self, code: u16, text: &str) -> io::Result<bool> {
        self.refuse((code, text)).await?;
        Ok(true)
    }

    async fn serve(&mut self, command: Command<'_>) -> io::Result<bool> {
        match command {
            Command::Ehlo if !self.relay.options.helo_only => self.hello(true).await?,
            Command::Helo => self.hello(false).await?,
            Command::StartTls => self.start_tls().await?,
            Command::Auth(args) => self.auth(args).await?,
            Command::Mail(args) => self.mail(args).await?,
            Command::Rcpt(args) => self.rcpt(args).await?,
            Command::Data => self.data().await?,
            Command::Bdat { octets, last } if self.offers_chunking() => self.bdat(octets, last).await?,
            Command::Rset => self.rset().await?,
            Command::Noop => self.say(250, "2.0.0 Ok").await?,
            Command::Quit => return self.quit().await,
            Command::Malformed => self.refuse((501, "5.5.4 Syntax error in arguments")).await?,
            Command::Bdat { .. } | Command::Ehlo | Command::Unknown => {
                self.refuse((502, "5.5.2 Error: command not recognized")).await?;
            }
        }
        Ok(true)
    }

    fn offers_chunking(&self) -> bool {
        self.extended == Some(true) && self.relay.options.extensions.chunking
    }

    fn may_pipeline(&self) -> bool {
        self.extended == Some(true) && self.relay.options.extensions.pipelining
    }

    /// Whether the client sent on where RFC 2920 tells it to wait.
    fn out_of_step(&self, command: &Command<'_>) -> bool {
        if self.wire.inbox.is_empty() {
            return false;
        }
        match command {
            Command::Ehlo | Command::Helo | Command::StartTls | Command::Auth(_) | Command::Data => true,
            Command::Bdat { .. } => false,
            _ => !self.may_pipeline(),
        }
    }

    /// After a body, the next command may be there already only with PIPELINING.
    pub(super) async fn check_step(&mut self) -> io::Result<()> {
        if !self.wire.inbox.is_empty() && !self.may_pipeline() {
            self.hang_up_for_haste().await?;
        }
        Ok(())
    }

    async fn hang_up_for_haste(&mut self) -> io::Result<bool> {
        self.refuse((554, "5.5.0 Error: SMTP protocol synchronization")).await?;
        self.wire.close().await?;
        Err(hung_up())
    }
}
