//! Scripts: what the relay does otherwise than a good relay would, as data.
//!
//! A [`Rule`] says when, what, and how often. At each [`Point`] the rules are asked in order. Every rule that holds may
//! delay, pause or add to the answer; the first one that takes the place of the answer (see [`Then::answers`]) ends the
//! search. Rules are asked only where the relay would otherwise have answered yes.

use std::time::Duration;

use super::when::When;

/// Where in the conversation a rule is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The connection was accepted; nothing was said. No reply belongs to this point: delay, pause, stall or drop.
    Connect,
    /// The greeting is due.
    Greeting,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS; the handshake follows a positive answer.
    StartTls,
    /// AUTH, when the credentials were right.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, or the first BDAT of a mail; for the latter only a refusal is said.
    Data,
    /// So many octets of the body have arrived. No reply belongs to this point; what is given is said all the same.
    BodyAfter(usize),
    /// The end of the body: the final dot or BDAT LAST.
    Dot,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
}

/// When, within the handling of one command, something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the command took effect; at [`Point::Dot`]: before the mail is captured.
    BeforeEffect,
    /// The command took effect (the mail is captured), its reply is not written.
    BeforeReply,
    /// The reply is written.
    AfterReply,
}

/// How a connection is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// An orderly end of the stream, without QUIT and without TLS `close_notify`.
    Fin,
    /// A reset: the client may lose what it has not read yet.
    Rst,
}

/// What the relay does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// This code and text in place of the normal reply; lines are separated by `\n`. The command takes effect
    /// with 2xx (DATA with 3xx), otherwise not; 421 also closes.
    Reply(u16, String),
    /// As `Reply`, then the connection is closed in order.
    Close(u16, String),
    /// These octets in place of the reply, whatever they mean.
    Raw {
        /// The octets, with their own line ends.
        bytes: Vec<u8>,
        /// Whether the command takes effect; at [`Point::Dot`]: whether the mail is captured.
        accept: bool,
    },
    /// The command takes effect; a line of `250 aaaa` that never ends follows.
    EndlessLine,
    /// The command takes effect; `250-` lines follow that never end.
    EndlessReply,
    /// The command takes effect; the normal reply comes so much later.
    Delay(Duration),
    /// The reply is written one octet at a time, with this much between them.
    Trickle(Duration),
    /// Silence from here on; the connection stays open.
    Stall(Moment),
    /// The connection is dropped.
    Drop(Hangup, Moment),
    /// The normal reply, and this one more.
    ExtraReply(u16, String),
    /// The command takes effect; its reply is left out.
    MissingReply,
    /// Holds at this label until [`super::CaptureRelay::release`] is called with it.
    PauseUntil(String, Moment),
}

impl Then {
    /// Octets in place of the reply; the command takes effect.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Raw { bytes: bytes.into(), accept: true }
    }

    /// Octets in place of the reply; the command takes no effect.
    pub fn raw_refused(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Raw { bytes: bytes.into(), accept: false }
    }

    /// A reply in place of the normal one.
    pub fn reply(code: u16, text: impl Into<String>) -> Self {
        Self::Reply(code, text.into())
    }

    /// Whether it takes the place of the normal answer.
    pub fn answers(&self) -> bool {
        use Moment::AfterReply;
        !matches!(
            self,
            Self::Delay(_)
                | Self::Trickle(_)
                | Self::ExtraReply(..)
                | Self::PauseUntil(..)
                | Self::Stall(AfterReply)
                | Self::Drop(_, AfterReply)
        )
    }

    /// Whether the command takes effect under it: the reply is of the class that belongs to the point.
    pub(super) fn accepts(&self, point: Point) -> bool {
        match self {
            Self::Reply(code, _) | Self::Close(code, _) => code / 100 == if point == Point::Data { 3 } else { 2 },
            Self::Raw { accept, .. } => *accept,
            _ => true,
        }
    }
}

/// How often a rule applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Times {
    /// Whenever it holds.
    #[default]
    Always,
    /// The first time it holds, over all connections.
    Once,
    /// The first so many times it holds, over all connections.
    First(u64),
}

impl Times {
    pub(super) fn allow(self, fired: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Once => fired == 0,
            Self::First(limit) => fired < limit,
        }
    }
}

/// One line of a script.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Where and for whom.
    pub when: When,
    /// What is done.
    pub then: Then,
    /// How often.
    pub times: Times,
}

/// Rules, asked in order. The empty script is a good relay.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub(super) rules: Vec<Rule>,
}

impl Script {
    /// A good relay.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule.
    #[must_use]
    pub fn with(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds a rule that applies whenever it holds.
    #[must_use]
    pub fn always(self, when: impl Into<When>, then: Then) -> Self {
        self.with(Rule { when: when.into(), then, times: Times::Always })
    }

    /// Adds a rule that applies the first time it holds.
    #[must_use]
    pub fn once(self, when: impl Into<When>, then: Then) -> Self {
        self.with(Rule { when: when.into(), then, times: Times::Once })
    }

    /// Adds a rule that applies the first `limit` times it holds.
    #[must_use]
    pub fn first(self, limit: u64, when: impl Into<When>, then: Then) -> Self {
        self.with(Rule { when: when.into(), then, times: Times::First(limit) })
    }

    /// Greylisting of every triplet (client, sender, recipient): `450 4.7.1` until `delay` after it was first seen.
    #[must_use]
    pub fn greylist(self, delay: Duration) -> Self {
        let text = "4.7.1 Greylisted, please try again later";
        self.always(When::at(Point::Rcpt).greylisted(delay), Then::reply(450, text))
    }

    /// The trouble of an ordinary day, the same for the same seed: unknown users, full mailboxes, temporary refusals,
    /// closed and lost connections. No mail is taken without being confirmed.
    pub fn ordinary_trouble(seed: u64) -> Self {
        use Point::{Data, Dot, Mail, Rcpt};
        let lost = Then::Drop(Hangup::Rst, Moment::BeforeEffect);
        Self::new()
            .always(When::at(Rcpt).share(10, seed), Then::reply(550, "5.1.1 User unknown"))
            .always(When::at(Rcpt).share(5, seed ^ 1), Then::reply(552, "5.2.2 Mailbox full"))
            .always(When::at(Dot).sometimes(5, seed ^ 2), Then::reply(451, "4.3.0 Try again later"))
            .always(When::at(Mail).after_mails(500), Then::reply(421, "4.7.0 Too many mails on this connection"))
            .always(When::at(Data).sometimes(1, seed ^ 3), lost)
    }
}
