//! `to=<…>, orig_to=<…>, relay=…, delay=…, delays=…, dsn=…, status=… (…)`: what became of one recipient.

use super::line::Line;
use super::{LogEvent, Said, THROWN_AWAY, text};
use crate::bounce::Class;
use memchr::{memchr, memmem, memrchr};
use std::net::IpAddr;

#[derive(Debug)]
pub(super) struct Delivery<'a> {
    recipient: &'a [u8],
    /// From `relay=` to before `status=`.
    fields: &'a [u8],
    status: &'a [u8],
    /// What stands in the parentheses.
    words: &'a [u8],
}

impl<'a> Delivery<'a> {
    pub(super) fn read(line: &Line<'a>) -> Option<Self> {
        let (to, rest) = address(line.said.strip_prefix(b"to=<")?)?;
        let (recipient, fields) = match rest.strip_prefix(b"orig_to=<") {
            Some(original) => address(original)?,
            None => (to, rest),
        };
        let end = memmem::find(fields, b", status=")?;
        let (fields, status) = (&fields[..end], &fields[end + b", status=".len()..]);
        let words = memchr(b'(', status).map_or(&status[status.len()..], |open| &status[open + 1..]);
        let status = &status[..memchr(b' ', status).unwrap_or(status.len())];
        // The last one: replies hold parentheses, too.
        let words = words.strip_suffix(b")").unwrap_or(words);
        Some(Self { recipient: if recipient.is_empty() { to } else { recipient }, fields, status, words })
    }

    /// What the line says, taken at its word; `None`: a probe of verify(8), about which no mail of ours can be.
    pub(super) fn judge(&self, agent: &[u8]) -> Option<Said> {
        let status = self.field(b"dsn=").and_then(enhanced);
        let of = |class, is_final| LogEvent::Delivery { class, is_final, relayed: false };
        let event = match self.status {
            b"sent" if agent == b"discard" => THROWN_AWAY,
            b"sent" => LogEvent::Delivery { class: Class::Delivered, is_final: true, relayed: !has_mailboxes(agent) },
            b"bounced" if status.as_deref().is_some_and(|code| code.starts_with('4')) => of(Class::Temporary, true),
            b"bounced" => of(Class::Permanent, true),
            b"expired" => of(Class::Temporary, true),
            b"deliverable" | b"undeliverable" => return None,
            // `deferred`, `SOFTBOUNCE`, and what later versions may say.
            _ => of(Class::Temporary, false),
        };
        let recipient = String::from_utf8_lossy(self.recipient).into_owned();
        Some(Said { recipient: Some(recipient).filter(|to| !to.is_empty()), event, status, text: text(self.words) })
    }

    /// The queue id that the other side gave the mail, where it says so as Postfix does.
    pub(super) fn queued_as(&self) -> Option<String> {
        let said = &self.words[memmem::rfind(self.words, b"queued as ")? + b"queued as ".len()..];
        let id: String =
            said.iter().take_while(|octet| octet.is_ascii_alphanumeric()).map(|c| char::from(*c)).collect();
        (!id.is_empty()).then_some(id)
    }

    /// local(8) put it into the queue again, for the addresses of an alias or a `.forward` file.
    pub(super) fn is_forwarded(&self) -> bool {
        self.words.starts_with(b"forwarded as ")
    }

    /// Whether the other side is a loopback address, `localhost` or a socket in the file system: `NAME[ADDRESS]:PORT`.
    pub(super) fn to_this_host(&self) -> bool {
        let Some(relay) = self.field(b"relay=") else { return false };
        let (name, rest) = relay.split_at(memchr(b'[', relay).unwrap_or(relay.len()));
        let address = rest.strip_prefix(b"[").map_or(rest, |rest| &rest[..memrchr(b']', rest).unwrap_or(rest.len())]);
        let is_loopback = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok());
        is_loopback.is_some_and(|ip| ip.is_loopback()) || name == b"localhost" || address.contains(&b'/')
    }

    fn field(&self, key: &[u8]) -> Option<&'a [u8]> {
        let mut from = 0;
        loop {
            let rest = &self.fields[from..];
            let next = memmem::find(rest, b", ");
            let field = &rest[..next.unwrap_or(rest.len())];
            if let Some(value) = field.strip_prefix(key) {
                return Some(value);
            }
            from += next? + 2;
        }
    }
}

/// Agents that put a mail into a mailbox; all others hand it on.
fn has_mailboxes(agent: &[u8]) -> bool {
    matches!(agent, b"local" | b"virtual" | b"lmtp" | b"pipe")
}

/// Versions before 3.5, and later ones that are told so, print addresses without their quotation marks: then the field that
/// follows tells where one ends.
fn address(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let follows = |rest: &[u8]| rest.starts_with(b"relay=") || rest.starts_with(b"orig_to=<");
    if let Some(parts) = after_address(text).filter(|(_, rest)| follows(rest)) {
        return Some(parts);
    }
    let mut ends = memmem::find_iter(text, b">, ").map(|end| (&text[..end], &text[end + 3..]));
    ends.find(|(_, rest)| follows(rest))
}

/// Splits what follows `<` into the address and what follows `>, `. A quoted local part may hold both.
fn after_address(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut quoted = false;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some((&text[..at], text[at + 1..].strip_prefix(b", ")?)),
            _ => {}
        }
        at += 1;
    }
    None
}

fn enhanced(code: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(code).ok()?;
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
    let parts: Vec<&str> = text.splitn(4, '.').collect();
    let fits = parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts.iter().all(|part| number(part));
    fits.then(|| text.to_owned())
}
