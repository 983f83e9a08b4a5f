//! What the mail tells of our own mail: whom it was sent to, under which envelope sender, with which Message-ID.

use super::addresses;
use super::fields::Fields;
use super::mime::Mail;
use super::prose::Prose;
use std::collections::HashSet;

/// Addresses and ids that are kept of one mail.
const MOST: usize = 50;

/// A list without doubles.
#[derive(Default)]
struct Once {
    list: Vec<String>,
    seen: HashSet<String>,
}

impl Once {
    fn add(&mut self, value: String) {
        if self.list.len() < MOST && self.seen.insert(addresses::key(&value)) {
            self.list.push(value);
        }
    }

    fn add_field(&mut self, value: &str) {
        addresses::in_line(value).into_iter().take(MOST).for_each(|found| self.add(found.address));
    }
}

/// Fields that say whom the mail itself was sent to.
const SENT_TO: [&str; 13] = [
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-delivered-to",
    "x-rcpt-to",
    "x-real-to",
    "apparently-to",
    "to",
    "cc",
    "resent-to",
    "x-forwarded-to",
    "x-original-recipient",
];
/// Fields of a returned message that name its envelope sender.
const SENT_FROM: [&str; 8] = [
    "return-path",
    "x-envelope-from",
    "x-envelope-sender",
    "envelope-from",
    "x-return-path",
    "x-original-return-path",
    "errors-to",
    "x-sender",
];

/// The addresses that `mail` was sent to, then the envelope senders that it returns.
pub(super) fn sent_to(mail: &Mail, prose: &Prose, envelope_sender: Option<String>) -> Vec<String> {
    let mut once = Once::default();
    for name in SENT_TO {
        mail.head.all(name).for_each(|value| once.add_field(value));
    }
    if let Some(sender) = envelope_sender {
        once.add(sender);
    }
    for fields in &prose.returned {
        for name in SENT_FROM {
            fields.all(name).for_each(|value| once.add_field(value));
        }
        fields
            .all("received")
            .filter_map(|trace| behind(trace, &["envelope-from ", "envelope-sender ", "envelope sender: "]))
            .for_each(|address| once.add(address));
    }
    once.list
}

fn behind(text: &str, marks: &[&str]) -> Option<String> {
    let rest = marks.iter().find_map(|mark| text.find(mark).map(|at| &text[at + mark.len()..]))?;
    addresses::in_line(rest).into_iter().next().map(|found| found.address)
}

/// Message-IDs of returned messages, then those that the mail refers to.
pub(super) fn message_ids(mail: &Mail, prose: &Prose) -> Vec<String> {
    let mut once = Once::default();
    for fields in &prose.returned {
        for name in ["message-id", "x-original-message-id", "original-message-id"] {
            fields.all(name).for_each(|value| add_ids(&mut once, value));
        }
    }
    for line in prose.lines.iter().filter(|line| line.contains('@')).take(300) {
        let field = super::fields::named(line.trim());
        let is_id = |(name, _): &(&str, &str)| {
            matches!(name.to_ascii_lowercase().as_str(), "message-id" | "messageid" | "original-message-id")
        };
        field.filter(is_id).into_iter().for_each(|(_, value)| add_ids(&mut once, value));
    }
    let own = mail.head.first("message-id").map(|id| addresses::key(bare(id)));
    for name in ["in-reply-to", "references", "x-original-message-id"] {
        mail.head.all(name).for_each(|value| add_ids(&mut once, value));
    }
    once.list.retain(|id| Some(addresses::key(id)) != own);
    once.list
}

fn add_ids(once: &mut Once, value: &str) {
    let ids = value.split([' ', '\t', ',']).map(bare).filter(|id| id.contains('@') && id.len() <= 500);
    ids.take(MOST).for_each(|id| once.add(id.to_owned()));
}

fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches([';', '>'])
}

/// Addresses that are no recipients: the sender's own, and those of the server that reports.
pub(super) fn senders(mail: &Mail, prose: &Prose) -> HashSet<String> {
    let keys = |fields: &Fields, names: &[&str]| {
        let values = names.iter().flat_map(|name| fields.all(name).map(str::to_owned).collect::<Vec<_>>());
        values
            .flat_map(|value| addresses::in_line(&value))
            .map(|found| addresses::key(&found.address))
            .collect::<HashSet<_>>()
    };
    let mut senders = keys(&mail.head, &["from", "to", "reply-to", "sender", "errors-to", "return-path"]);
    for fields in &prose.returned {
        let recipients = keys(fields, &["to", "cc"]);
        let theirs = keys(fields, &["from", "sender", "return-path", "reply-to", "errors-to"]);
        // A mail to oneself may fail, too.
        senders.extend(theirs.into_iter().filter(|key| !recipients.contains(key)));
    }
    senders
}

/// The one recipient of the returned message; `None` when it had several: nobody is accused by chance.
pub(super) fn only_recipient(mail: &Mail, prose: &Prose) -> Option<String> {
    let own = senders(mail, prose);
    let mut once = Once::default();
    for fields in &prose.returned {
        for name in
            ["x-failed-recipients", "x-original-to", "original-recipient", "envelope-to", "x-rcpt-to", "to", "cc"]
        {
            fields.all(name).for_each(|value| once.add_field(value));
        }
        if once.list.is_empty() {
            fields.all("received").filter_map(|trace| behind(trace, &[" for "])).for_each(|address| once.add(address));
        }
    }
    once.list.retain(|address| !own.contains(&addresses::key(address)));
    match once.list.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(head: &str, returned: &str) -> (Mail, Prose) {
        let mail = Mail::open(
            format!("{head}\n\nIt failed.\n--- Below this line is a copy of the message.\n\n{returned}\n").as_bytes(),
        );
        let prose = Prose::of(&mail);
        (mail, prose)
    }

    #[test]
    fn the_mails_own_recipients_come_before_the_envelope_sender_that_it_returns() {
        let (mail, prose) = opened(
            "To: B <b+1@x.jp>\nDelivered-To: b+1@x.jp\nDelivered-To: inbox@x.jp",
            "Return-Path: <b+2@x.jp>\nReceived: by y (envelope-from <b+3@x.jp>) for <a@z.jp>; now\nTo: a@z.jp",
        );
        assert_eq!(
            sent_to(&mail, &prose, Some("b+4@x.jp".to_owned())),
            ["b+1@x.jp", "inbox@x.jp", "b+4@x.jp", "b+2@x.jp", "b+3@x.jp"]
        );
    }

    #[test]
    fn the_returned_message_id_comes_first_and_the_bounces_own_never() {
        let (mail, prose) =
            opened("Message-ID: <own@y.jp>\nReferences: <old@x.jp> <own@y.jp>", "Message-Id: <ours@x.jp>\nTo: a@z.jp");
        assert_eq!(message_ids(&mail, &prose), ["ours@x.jp", "old@x.jp"]);
    }

    #[test]
    fn one_recipient_of_the_returned_message_is_named_and_several_are_not() {
        let (mail, prose) = opened("To: b@x.jp", "From: me@x.jp\nTo: a@z.jp");
        assert_eq!(only_recipient(&mail, &prose).as_deref(), Some("a@z.jp"));
        let (mail, prose) = opened("To: b@x.jp", "From: me@x.jp\nTo: a@z.jp, c@z.jp");
        assert_eq!(only_recipient(&mail, &prose), None);
    }
}
