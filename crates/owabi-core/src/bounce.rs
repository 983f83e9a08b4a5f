//! Reading what comes back: delivery status notifications, conformant or not (RFC 3464), bounces in free text, and what
//! is told apart from them: auto-replies, complaints, ordinary mail. Pure, bounded in time and memory on any input.
//!
//! A mail is taken apart (`mime`); the server's words are told from the message that it returns (`prose`); fields of
//! RFC 3464 are read wherever they stand (`dsn`). Without such fields the words name the recipients (`named`), and phrases
//! of real servers (`phrases/`) say what became of them and why (`signs`, `verdict`). One sender is known by its format:
//! Amazon, which mails JSON (`events`).

mod addresses;
mod charset;
mod dsn;
mod events;
mod fields;
mod html;
mod lines;
mod mime;
mod named;
mod phrases;
mod prose;
mod returned;
mod signs;
mod status;
mod told_apart;
mod verdict;

use mime::Mail;
use named::Names;
use prose::Prose;
use serde::{Deserialize, Serialize};
use signs::Signs;
use std::collections::HashSet;
use told_apart::Seems;

/// Octets of a mail that are looked at; what a server has to say stands well before.
pub const OCTETS: usize = 1 << 20;
/// Recipients that one mail can report.
const MOST_REPORTS: usize = 1_000;
/// Characters of From and Subject that are kept.
const SHOWN: usize = 200;

/// What a mail that came back is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It tells of a delivery: a DSN, or free text of a mail server.
    Bounce,
    /// An automatic answer of a person's account (RFC 3834): an absence note, an acknowledgement.
    AutoReply,
    /// An abuse report (ARF, RFC 5965).
    Complaint,
    /// Anything else; a person looks at it.
    Other,
}

/// What became of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Failed, and a further try would fail, too.
    Permanent,
    /// Failed for now. Final: the server gave up after trying (a failure); not final: it goes on trying (a delay).
    Temporary,
    /// Delivered, or handed on to a server that sends no receipts.
    Delivered,
}

/// Why it failed, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No such mailbox or domain, or it was given up: a letter is needed, or another address.
    BadAddress,
    /// The mailbox is full: not a bad address, may work later.
    MailboxFull,
    /// Refused for what we are or say.
    Policy,
    /// The message is too large.
    TooLarge,
    /// The server tried as long as it would.
    Expired,
    /// The recipient's server could not be reached, or was at fault.
    Remote,
    /// None of these.
    Other,
}

impl Reason {
    /// The word in the database and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadAddress => "bad_address",
            Self::MailboxFull => "mailbox_full",
            Self::Policy => "policy",
            Self::TooLarge => "too_large",
            Self::Expired => "expired",
            Self::Remote => "remote",
            Self::Other => "other",
        }
    }
}

/// Why a mail failed, from a server's enhanced status code (RFC 3463) and its words, as a log has them.
pub fn reason(class: Class, status: Option<&str>, words: &str) -> Reason {
    verdict::reason(class, status.and_then(status::of_field), status::basic(words), signs::Signs::of(words))
}

/// What a bounce says of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The recipient that failed, as the server names it, unquoted where it was needlessly quoted (Final-Recipient). Several
    /// spellings of one recipient are one report.
    pub address: String,
    /// The recipient as we wrote it, where the server says so (Original-Recipient, ORCPT, `expanded from`).
    pub original: Option<String>,
    /// What became of it.
    pub class: Class,
    /// Nothing more will come from this server about it.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Handed on (Action `relayed` or `expanded`), not put into a mailbox.
    pub relayed: bool,
    /// The enhanced status code (RFC 3463), as in `5.1.1`: the fullest that is said anywhere.
    pub status: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The server's words, at most 1,000 characters.
    pub diagnostic: Option<String>,
}

/// What one mail says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// What the mail is.
    pub kind: Kind,
    /// Recipient by recipient; empty unless it is a bounce, and also when a bounce names nobody.
    pub reports: Vec<Report>,
    /// The addresses that the mail itself was sent to (Delivered-To, X-Original-To, Envelope-To, To …) and then the
    /// envelope senders that it returns (Return-Path, X-Envelope-From …): where our VERP token is looked for. Without doubles.
    pub sent_to: Vec<String>,
    /// Original-Envelope-Id (RFC 3464 2.2.1), xtext decoded.
    pub envid: Option<String>,
    /// Message-IDs of the returned message, without angle brackets; none of the bounce itself. In-Reply-To and References count last.
    pub message_ids: Vec<String>,
    /// The bounce's own Date, epoch milliseconds.
    pub dated_at: Option<i64>,
    /// The bounce's own From and Subject for the list of a reviewer, decoded, at most 200 characters each.
    pub from: String,
    /// See `from`.
    pub subject: String,
}

impl Reading {
    /// The VERP token among the addresses of `sent_to`, by its shape.
    pub fn token(&self) -> Option<String> {
        self.sent_to.iter().find_map(|address| crate::ids::token_of(address)).map(str::to_ascii_lowercase)
    }
}

/// Reads `mail`, whose line ends may be of any kind; only the first [`OCTETS`] are looked at.
pub fn read(mail: &[u8]) -> Reading {
    let mail = Mail::open(&lines::unified(mail));
    let prose = Prose::of(&mail);
    let (envelope, groups) = dsn::groups(&mail, &prose);
    let event = events::event(&prose).unwrap_or_else(|| {
        let (kind, reports) = judged(&mail, &prose, groups);
        events::Event { kind, reports, message_ids: Vec::new() }
    });
    let events::Event { kind, reports, mut message_ids } = event;
    message_ids.extend(returned::message_ids(&mail, &prose));
    Reading {
        kind,
        reports,
        sent_to: returned::sent_to(&mail, &prose, envelope.sender),
        envid: envelope.envid,
        message_ids,
        dated_at: mail.head.dated_at(),
        from: lines::cut(&mail.head.shown("from"), SHOWN).to_owned(),
        subject: lines::cut(&mail.head.shown("subject"), SHOWN).to_owned(),
    }
}

/// What the mail is and, of a bounce, its reports.
fn judged(mail: &Mail, prose: &Prose, groups: Vec<dsn::Group>) -> (Kind, Vec<Report>) {
    let said = lines::flat(&prose.text());
    let signs = Signs::of_flat(&said);
    let seems = told_apart::kind(mail, signs, !groups.is_empty());
    let Seems::Surely(kind) = seems else {
        let reports = free_text(mail, prose, &said, false);
        return if reports.is_empty() { (Kind::Other, reports) } else { (Kind::Bounce, reports) };
    };
    match kind {
        Kind::Bounce if groups.is_empty() => {
            let reports = free_text(mail, prose, &said, true);
            let inner = prose.inner.as_deref().filter(|_| reports.is_empty());
            (kind, inner.map_or(reports, handed_on))
        }
        Kind::Bounce => (kind, by_fields(mail, prose, groups)),
        Kind::AutoReply | Kind::Complaint | Kind::Other => (kind, Vec::new()),
    }
}

/// The reports of a bounce that a server handed on as a text.
fn handed_on(inner: &str) -> Vec<Report> {
    let mail = Mail::open(inner.as_bytes());
    let prose = Prose { inner: None, ..Prose::of(&mail) };
    let (_, groups) = dsn::groups(&mail, &prose);
    judged(&mail, &prose, groups).1
}

fn by_fields(mail: &Mail, prose: &Prose, mut groups: Vec<dsn::Group>) -> Vec<Report> {
    let names = Names::of(prose);
    if groups.iter().any(|group| !group.address.contains('@')) {
        let known = recipients(mail, prose, &names);
        for group in &mut groups {
            group.complete(&known);
        }
    }
    let alone = groups.len() == 1;
    let mut seen = HashSet::new();
    let groups = groups.into_iter().filter(|group| seen.insert(addresses::key(&group.address)));
    let report = |group: dsn::Group| {
        let words = names.words(&group.address, alone);
        verdict::of_fields(group, &words)
    };
    groups.take(MOST_REPORTS).map(report).collect()
}

/// What the words of a server say; `surely` that nothing but a server speaks.
fn free_text(mail: &Mail, prose: &Prose, said: &str, surely: bool) -> Vec<Report> {
    let names = Names::of(prose);
    let mut recipients = recipients(mail, prose, &names);
    let has_code = || status::fullest(said).is_some() || status::basic(said).is_some();
    let surely = surely || told_apart::is_mailer_daemon(mail) || (told_apart::is_server(mail) && has_code());
    if recipients.is_empty() && surely && !told_apart::has_own_path(mail) {
        recipients.extend(names.only_mention(&returned::senders(mail, prose)));
    }
    let whole = Signs::of_flat(&format!("{} {said}", lines::flat(&mail.head.shown("subject"))));
    let alone = recipients.len() == 1;
    let report = |address: String| {
        let words = names.words(&address, alone);
        verdict::of_words(address, &verdict::Told { words: &words, whole })
    };
    recipients.into_iter().take(MOST_REPORTS).map(report).collect()
}

/// The field X-Failed-Recipients, else those whom the prose names, else the subject, else the one whom the returned
/// message was for.
fn recipients(mail: &Mail, prose: &Prose, names: &Names<'_>) -> Vec<String> {
    let mut seen = HashSet::new();
    let failed = mail.head.all("x-failed-recipients").flat_map(addresses::in_line).map(|found| found.address);
    let failed: Vec<String> = failed.filter(|address| seen.insert(addresses::key(address))).collect();
    if !failed.is_empty() {
        return failed;
    }
    let senders = returned::senders(mail, prose);
    let mut recipients = names.recipients(&senders);
    if recipients.is_empty() {
        let subject = mail.head.shown("subject");
        let in_subject = addresses::in_line(&subject).into_iter().map(|found| found.address);
        recipients.extend(in_subject.filter(|address| !senders.contains(&addresses::key(address))));
    }
    if recipients.is_empty() {
        recipients.extend(returned::only_recipient(mail, prose));
    }
    recipients
}
