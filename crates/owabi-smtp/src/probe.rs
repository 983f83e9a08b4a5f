//! One connection to a relay, looked at step by step: what `check --connect` tells.
//!
//! It goes the way of [`crate::open()`], notes how long each step took and what the relay said, then says MAIL and RCPT as
//! a real mail would, and RSET. It never says DATA, so no mail can come of it.

mod trouble;

pub use trouble::Trouble;

use crate::auth;
use crate::capabilities::Capabilities;
use crate::certificate::Certificate;
use crate::dialogue::{Dialogue, late};
use crate::envelope::{self, Parcel};
use crate::open;
use crate::relay::{Relay, Tls};
use crate::tls::{self, Distrust, Stream};
use bytes::Bytes;
use owabi_core::outcome::{Fault, Phase};
use owabi_core::reply::Reply;
use owabi_core::text::say;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use trouble::{of_connection, of_name};

/// A relay of more addresses is tried at these.
const ADDRESSES: usize = 8;

/// One step of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The addresses of the relay's name.
    Resolve,
    /// A TCP connection to one of them.
    Connect(SocketAddr),
    /// The 220 greeting.
    Greeting,
    /// EHLO (or HELO).
    Ehlo,
    /// STARTTLS and the handshake.
    Tls,
    /// AUTH.
    Login,
    /// MAIL FROM with `address+token`.
    Sender,
    /// MAIL FROM with the address without a token, after the other was refused.
    PlainSender,
    /// RCPT TO with `address+token`.
    Recipient,
    /// RCPT TO with the address without a token, after the other was refused.
    PlainRecipient,
}

/// How a step went.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which one.
    pub what: What,
    /// How long it took.
    pub took: Duration,
    /// Why it failed.
    pub fault: Option<Fault>,
    /// What the system said, of a name or a connection that failed.
    pub io: Option<Trouble>,
}

/// The envelope that is tried: of our own bounce address, both as sender and as recipient.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// `bounces+token@example.jp`, as real mails have.
    pub signed: String,
    /// `bounces@example.jp`.
    pub plain: String,
    /// The ENVID to say, if the relay offers DSN.
    pub envid: String,
    /// The size to announce, in octets: that of the largest mail.
    pub octets: usize,
}

/// What was seen of a relay.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// The steps in their order. The first that failed is the last, but for connections and envelopes.
    pub steps: Vec<Step>,
    /// The relay's addresses.
    pub addresses: Vec<SocketAddr>,
    /// The address that was used.
    pub used: Option<SocketAddr>,
    /// The greeting.
    pub greeting: Option<Reply>,
    /// What was offered before TLS, where STARTTLS is used.
    pub in_the_clear: Option<Capabilities>,
    /// What was offered at last.
    pub offers: Option<Capabilities>,
    /// Protocol and cipher suite; `None` in plain text.
    pub tls: Option<String>,
    /// The certificates that the relay showed, its own first.
    pub certificates: Vec<Certificate>,
    /// Why its certificate was not accepted.
    pub distrust: Option<Distrust>,
    /// The mechanism of the login.
    pub mechanism: Option<String>,
    /// The relay's answer to RCPT was a yes.
    pub takes_mail: bool,
}

/// Looks at a relay. Whatever goes wrong is in the steps.
pub async fn probe(relay: &Relay, envelope: &Envelope) -> Probe {
    let mut seen = Probe::default();
    if let Some(mut talk) = seen.open(relay).await {
        seen.say_envelope(&mut talk, envelope).await;
        // Politeness: whatever comes of it, the connection is over.
        let _ = timeout(relay.deadlines.quit, talk.ask(b"QUIT\r\n", Phase::Mail)).await;
    }
    seen
}

impl Probe {
    fn note<T>(&mut self, what: What, since: Instant, result: Result<T, Fault>) -> Option<T> {
        let (done, fault) = match result {
            Ok(done) => (Some(done), None),
            Err(fault) => (None, Some(fault)),
        };
        self.steps.push(Step { what, took: since.elapsed(), fault, io: None });
        done
    }

    fn because(&mut self, trouble: Trouble) {
        if let Some(step) = self.steps.last_mut() {
            step.io = Some(trouble);
        }
    }

    async fn open(&mut self, relay: &Relay) -> Option<Dialogue> {
        self.resolve(relay).await?;
        let stream = self.connect(relay).await?;
        let mut talk = Dialogue::new(Stream::Plain(stream), relay.deadlines);
        if relay.tls == Tls::Implicit {
            talk = self.secure(talk, relay, Instant::now()).await?;
        }
        let since = Instant::now();
        let greeted = open::greeting(&mut talk).await;
        self.greeting = self.note(What::Greeting, since, greeted);
        self.greeting.as_ref()?;
        let offers = self.hello(&mut talk, relay).await?;
        if relay.tls == Tls::StartTls {
            let since = Instant::now();
            let agreed = open::ask_for_tls(&mut talk, &offers).await;
            self.in_the_clear = Some(offers);
            if let Err(fault) = agreed {
                self.note::<()>(What::Tls, since, Err(fault));
                return None;
            }
            talk = self.secure(talk, relay, since).await?;
            self.hello(&mut talk, relay).await?;
        }
        self.log_in(&mut talk, relay).await?;
        Some(talk)
    }

    async fn resolve(&mut self, relay: &Relay) -> Option<()> {
        let since = Instant::now();
        match timeout(relay.deadlines.connect, lookup_host((open::bare(&relay.host), relay.port))).await {
            Ok(Ok(found)) => {
                self.addresses = found.collect();
                self.addresses.dedup();
                self.note(What::Resolve, since, Ok(()))
            }
            Ok(Err(error)) => {
                self.note::<()>(What::Resolve, since, Err(open::unreachable(relay, &error)));
                self.because(of_name(&error));
                None
            }
            Err(_) => {
                self.note::<()>(What::Resolve, since, Err(late(Phase::Connect, relay.deadlines.connect)));
                self.because(Trouble::Resolver);
                None
            }
        }
    }

    /// Tries every address, goes on with the first that answers.
    async fn connect(&mut self, relay: &Relay) -> Option<TcpStream> {
        let (allowed, mut first) = (relay.deadlines.connect, None);
        for address in self.addresses.iter().take(ADDRESSES).copied().collect::<Vec<_>>() {
            let since = Instant::now();
            match timeout(allowed, open::dial(address, relay.deadlines.body_block)).await {
                Ok(Ok(stream)) => {
                    self.note(What::Connect(address), since, Ok(()));
                    if first.is_none() {
                        (first, self.used) = (Some(stream), Some(address));
                    }
                }
                Ok(Err(error)) => {
                    self.note::<()>(What::Connect(address), since, Err(open::unreachable(relay, &error)));
                    self.because(of_connection(&error));
                }
                Err(_) => {
                    self.note::<()>(What::Connect(address), since, Err(late(Phase::Connect, allowed)));
                    self.because(Trouble::Silent);
                }
            }
        }
        first
    }

    async fn secure(&mut self, talk: Dialogue, relay: &Relay, since: Instant) -> Option<Dialogue> {
        let stream = match talk.into_plain() {
            Ok(stream) => stream,
            Err(fault) => return self.note(What::Tls, since, Err(fault)),
        };
        let Ok((chain, wrapped)) = timeout(relay.deadlines.tls, tls::inspect(stream, relay)).await else {
            return self.note(What::Tls, since, Err(late(Phase::Tls, relay.deadlines.tls)));
        };
        self.certificates = chain.iter().filter_map(|certificate| Certificate::read(certificate)).collect();
        let wrapped = wrapped.map_err(|refusal| {
            self.distrust = refusal.distrust;
            tls::fault(refusal.why)
        });
        let stream = self.note(What::Tls, since, wrapped)?;
        self.tls = stream.description();
        Some(Dialogue::new(stream, relay.deadlines))
    }

    async fn hello(&mut self, talk: &mut Dialogue, relay: &Relay) -> Option<Capabilities> {
        let since = Instant::now();
        let said = open::hello(talk, relay).await;
        self.offers = self.note(What::Ehlo, since, said);
        self.offers.clone()
    }

    /// One try: a wrong password must not lock the account.
    async fn log_in(&mut self, talk: &mut Dialogue, relay: &Relay) -> Option<()> {
        let (Some(login), Some(offers)) = (&relay.auth, self.offers.clone()) else { return Some(()) };
        self.mechanism = auth::choose(&offers).map(|mechanism| mechanism.to_string());
        let since = Instant::now();
        let said = auth::log_in(talk, relay, login, &offers).await;
        self.note(What::Login, since, said)
    }

    async fn say_envelope(&mut self, talk: &mut Dialogue, envelope: &Envelope) {
        let offers = self.offers.clone().unwrap_or_default();
        let signed = parcel(envelope, &envelope.signed, &offers);
        let plain = parcel(envelope, &envelope.plain, &offers);
        if self.mail(talk, What::Sender, &signed, &offers).await.is_none() {
            self.mail(talk, What::PlainSender, &plain, &offers).await;
        } else if self.rcpt(talk, What::Recipient, &signed, &offers).await.is_some() {
            self.takes_mail = true;
        } else {
            self.rcpt(talk, What::PlainRecipient, &plain, &offers).await;
        }
        let _ = talk.ask(b"RSET\r\n", Phase::Mail).await;
    }

    async fn mail(&mut self, talk: &mut Dialogue, what: What, parcel: &Parcel, offers: &Capabilities) -> Option<Reply> {
        let mut line = Vec::new();
        envelope::write_mail(&mut line, parcel, offers);
        let since = Instant::now();
        let said = talk.ask(&line, Phase::Mail).await;
        let refused = say!(ja: "中継サーバーが送信元を断りました", en: "the relay refused the sender");
        self.note(what, since, said.and_then(|reply| open::expect(reply, Phase::Mail, refused)))
    }

    async fn rcpt(&mut self, talk: &mut Dialogue, what: What, parcel: &Parcel, offers: &Capabilities) -> Option<Reply> {
        let mut line = Vec::new();
        envelope::write_rcpt(&mut line, parcel, offers);
        let since = Instant::now();
        let said = talk.ask(&line, Phase::Rcpt).await;
        let refused = say!(ja: "中継サーバーが宛先を断りました", en: "the relay refused the recipient");
        let said = said.and_then(|reply| open::expect(reply, Phase::Rcpt, refused));
        self.note(what, since, said)
    }
}

/// A relay that takes no mail of this size is told apart from one that refuses the sender.
fn parcel(envelope: &Envelope, address: &str, offers: &Capabilities) -> Parcel {
    let limit = offers.max_size().map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    Parcel {
        id: 1,
        mail_from: address.to_owned(),
        rcpt_to: address.to_owned(),
        envid: envelope.envid.clone(),
        orcpt: None,
        notify_success: false,
        smtputf8: false,
        body: Bytes::from(vec![b' '; envelope.octets.min(limit)]),
    }
}
