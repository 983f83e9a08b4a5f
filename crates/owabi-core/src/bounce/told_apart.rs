//! Bounces told apart from what only comes back like one: auto-replies, complaints, read receipts, ordinary mail.

use super::mime::{Mail, Role};
use super::phrases;
use super::signs::{Sign, Signs};
use super::{Kind, addresses, lines};

/// How sure it is that a mail is what it seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seems {
    /// It is this.
    Surely(Kind),
    /// A bounce by its subject and words alone: it must name somebody, too.
    PerhapsBounce,
}

/// What the mail seems to be; `prose` are the signs of the server's words without the subject, `has_fields` that it has
/// recipients in fields of RFC 3464.
pub(super) fn kind(mail: &Mail, prose: Signs, has_fields: bool) -> Seems {
    if let Some(kind) = by_parts(mail, prose.fails()) {
        return Seems::Surely(kind);
    }
    let subject = without_addresses(&lines::flat(&mail.head.shown("subject")));
    let (bare, forwarded) = without_prefix(&subject);
    let sender = match Sender::of(mail) {
        // A postmaster who answers in person.
        Sender::Daemon if forwarded && !is_mailer_daemon(mail) && has_path(mail) => Sender::Person { null_path: false },
        sender => sender,
    };
    let names_failure = names_failure(mail, sender, bare) && !(forwarded && sender != Sender::Daemon);
    if !names_failure && !has_fields && phrases::about_mail().any(|phrase| bare.contains(phrase)) {
        return Seems::Surely(Kind::Other);
    }
    let away = Signs::of_flat(&subject).has(Sign::Away) || prose.has(Sign::Away);
    let answers = says_auto_reply(mail);
    let fails = prose.fails();
    if has_fields && !(forwarded && sender != Sender::Daemon && mail.of(Role::Status).next().is_none()) {
        return Seems::Surely(Kind::Bounce);
    }
    let kind = match sender {
        Sender::Daemon if names_failure && (fails || !away) => Kind::Bounce,
        Sender::Daemon if prose.any(CLEAR) && !(away && answers) => Kind::Bounce,
        Sender::Daemon if (fails || prose.delivers()) && !(away && answers) => return Seems::PerhapsBounce,
        Sender::Daemon if is_mailer_daemon(mail) && !(away || answers || forwarded || has_own_path(mail)) => {
            return Seems::PerhapsBounce;
        }
        Sender::Nobody if fails && !away => Kind::Bounce,
        _ if mail.head.has("x-failed-recipients") => Kind::Bounce,
        _ if answers => Kind::AutoReply,
        // Somebody who tells us of a bounce, or asks: a person looks at it.
        Sender::Person { .. } if has_own_path(mail) && !away => Kind::Other,
        _ if names_failure && fails && !prose.has(Sign::Challenge) => return Seems::PerhapsBounce,
        Sender::Person { null_path: true }
            if !(away || forwarded || prose.has(Sign::Challenge)) && prose.any(&[Sign::Failed, Sign::NoUser]) =>
        {
            return Seems::PerhapsBounce;
        }
        _ if away => Kind::AutoReply,
        _ => Kind::Other,
    };
    Seems::Surely(kind)
}

/// Reports of other kinds name themselves.
fn by_parts(mail: &Mail, fails: bool) -> Option<Kind> {
    let has = |role| mail.of(role).next().is_some();
    if has(Role::Feedback) || mail.report_type == "feedback-report" {
        return Some(Kind::Complaint);
    }
    // Dovecot refuses a mail in the form of a read receipt.
    let is_receipt = has(Role::Disposition) || mail.report_type == "disposition-notification";
    if is_receipt && !(fails && Sender::of(mail) == Sender::Daemon) {
        return Some(Kind::Other);
    }
    let subject = mail.head.first("subject").unwrap_or_default().to_ascii_lowercase();
    subject.starts_with("complaint about message").then_some(Kind::Complaint)
}

/// Signs of a mail that failed, and of nothing else.
const CLEAR: &[Sign] = &[Sign::Failed, Sign::Delay, Sign::NoUser, Sign::Full];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// A mail server, by its name.
    Daemon,
    /// No From at all.
    Nobody,
    /// Anybody else.
    Person {
        /// With the null reverse-path of RFC 5321, which machines use.
        null_path: bool,
    },
}

/// Parts of the names that mail servers give themselves.
const DAEMONS: &str = "mailer-daemon|mailer_daemon|mailerdaemon|mailer daemon|mail-daemon|mail daemon|mdaemon|postmaster|\
    mail delivery|maildelivery|mail-delivery|delivery subsystem|delivery system|delivery service|message delivery|\
    mail system|mail-system|mailsystem|mail administrator|mail_service|mail service|mail router|mail gateway|mailgateway|\
    mailer@|system administrator|systemadministrator|systemadmin|microsoft outlook|配信システム|メールシステム|エラー通知";

impl Sender {
    fn of(mail: &Mail) -> Self {
        let from = mail.head.shown("from").to_lowercase();
        let bare = from.trim_matches(['<', '>', '"', ' ']);
        let null_path = mail.head.all("return-path").any(|path| path.trim_matches(['<', '>', ' ']).is_empty());
        match bare {
            _ if DAEMONS.split('|').any(|name| from.contains(name)) => Self::Daemon,
            "" => Self::Nobody,
            _ => Self::Person { null_path },
        }
    }
}

/// `bounce@` in an address says nothing.
fn without_addresses(subject: &str) -> String {
    let (mut rest, mut from) = (String::with_capacity(subject.len()), 0);
    for found in addresses::in_line(subject) {
        rest.push_str(&subject[from..found.start]);
        from = found.end;
    }
    rest + &subject[from..]
}

/// The subject is a bounce's. A newsletter or a list may speak of bounces, too: theirs must begin so.
fn names_failure(mail: &Mail, sender: Sender, subject: &str) -> bool {
    let is_server = match sender {
        Sender::Daemon | Sender::Nobody => true,
        Sender::Person { .. } => !is_to_many(mail),
    };
    let start = subject.trim_start_matches(|c: char| !c.is_alphanumeric());
    phrases::subjects().any(|phrase| if is_server { subject.contains(phrase) } else { start.starts_with(phrase) })
}

fn has_path(mail: &Mail) -> bool {
    mail.head.all("return-path").any(|path| path.contains('@'))
}

/// A mail server by its name.
pub(super) fn is_server(mail: &Mail) -> bool {
    Sender::of(mail) == Sender::Daemon
}

/// Only servers are called so, whatever language they speak.
pub(super) fn is_mailer_daemon(mail: &Mail) -> bool {
    let from = mail.head.shown("from").to_lowercase();
    ["mailer-daemon", "mailer_daemon", "mailerdaemon", "mailer daemon"].iter().any(|name| from.contains(name))
}

/// The envelope sender is an account's: bounces have none, or a daemon's.
pub(super) fn has_own_path(mail: &Mail) -> bool {
    let is_daemon = |path: &str| DAEMONS.split('|').any(|name| path.contains(name));
    mail.head.all("return-path").any(|path| path.contains('@') && !is_daemon(&path.to_ascii_lowercase()))
}

/// A newsletter or the mail of a list.
fn is_to_many(mail: &Mail) -> bool {
    let is_list = mail.head.all("precedence").any(|value| value.trim().eq_ignore_ascii_case("list"));
    is_list || ["list-unsubscribe", "list-id", "list-post"].iter().any(|name| mail.head.has(name))
}

/// The header says that it is an answer of a machine (RFC 3834 5, and what came before it).
fn says_auto_reply(mail: &Mail) -> bool {
    let starts =
        |name: &str, value: &str| mail.head.all(name).any(|field| field.to_ascii_lowercase().starts_with(value));
    mail.head.all("auto-submitted").any(|field| field.to_ascii_lowercase().contains("auto-replied"))
        || starts("precedence", "auto_reply")
        || starts("x-precedence", "auto_reply")
        || starts("x-autogenerated", "reply")
        || starts("x-mailer", "vacation")
        || [
            "x-autoreply",
            "x-autorespond",
            "x-autoreply-from",
            "x-autoresponder",
            "x-vacation",
            "x-apple-action",
            "x-ms-exchange-inbox-rules-loop",
        ]
        .iter()
        .any(|name| mail.head.has(name))
}

/// A flat subject without `Re:`, `Fwd:` and the like, and whether it had one.
fn without_prefix(subject: &str) -> (&str, bool) {
    const PREFIXES: [&str; 14] =
        ["re:", "fwd:", "fw:", "aw:", "wg:", "tr:", "sv:", "rv:", "res:", "enc:", "転送:", "返信:", "回复:", "转发:"];
    let mut bare = subject;
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| bare.strip_prefix(prefix)) {
        bare = rest.trim_start();
    }
    (bare, bare.len() != subject.len())
}

#[cfg(test)]
mod tests {
    use super::super::prose::Prose;
    use super::*;

    fn seems(head: &str, body: &str) -> Seems {
        let mail = Mail::open(format!("{head}\n\n{body}\n").as_bytes());
        kind(&mail, Signs::of(&Prose::of(&mail).text()), false)
    }

    #[test]
    fn a_servers_failure_is_a_bounce_whatever_its_header_says_of_answers() {
        for (head, body) in [
            ("From: MAILER-DAEMON@b.jp\nSubject: failure notice", "I wasn't able to deliver your message."),
            ("From: MAILER-DAEMON@b.jp\nAuto-Submitted: auto-replied\nSubject: Undeliverable: x", "550 User unknown"),
            ("From: <>\nAuto-Submitted: auto-replied\nSubject: x", "That's not a valid user here."),
            ("From: x@b.jp\nX-Failed-Recipients: a@b.jp\nSubject: x", "x"),
            ("From: Postmaster <p@b.jp>\nSubject: 配信エラー", "宛先が不明です"),
        ] {
            assert_eq!(seems(head, body), Seems::Surely(Kind::Bounce), "{head}");
        }
        for (head, body) in [
            ("From: a@b.jp\nSubject: Undeliverable: x", "was not delivered"),
            ("Return-Path: <>\nFrom: A <a@b.jp>\nSubject: x", "No such user: c@b.jp"),
        ] {
            assert_eq!(seems(head, body), Seems::PerhapsBounce, "{head}");
        }
    }

    #[test]
    fn answers_of_people_and_their_accounts_are_no_bounces() {
        for (head, body) in [
            (
                "From: a@b.jp\nAuto-Submitted: auto-replied\nSubject: Undeliverable?",
                "I am away; mail cannot be delivered to my desk",
            ),
            ("Return-Path: <>\nFrom: A <a@b.jp>\nSubject: Automatic reply: x", "I will be traveling."),
            ("Return-Path: <>\nFrom: A <a@b.jp>\nSubject: 自動返信: x", "休暇のため不在です"),
            ("From: a@b.jp\nPrecedence: auto_reply\nSubject: x", "x"),
        ] {
            assert_eq!(seems(head, body), Seems::Surely(Kind::AutoReply), "{head}");
        }
        for (head, body) in [
            ("From: a@b.jp\nSubject: Hello", "Your parcel could not be delivered."),
            ("From: a@b.jp\nSubject: Fwd: Undelivered Mail Returned to Sender", "see: it could not be delivered"),
            ("From: a@b.jp\nSubject: Re: failure notice", "Why was it not delivered?"),
            (
                "Return-Path: <>\nFrom: a@b.jp\nSubject: Re: x",
                "Please confirm your email address; your mail has not yet been delivered",
            ),
        ] {
            assert_eq!(seems(head, body), Seems::Surely(Kind::Other), "{head}");
        }
    }
}
