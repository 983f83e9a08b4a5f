//! A mail as its parts, flat, in their order.
//!
//! mail-parser reads the header fields and the encodings. The walk over the parts is ours: mail-parser builds nested
//! messages as deep as the input asks for, and takes broken boundaries by the letter.

use super::fields::Fields;
use super::{charset, html, lines};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{MessageParser, MimeHeaders};

/// Bounces have three parts or four, two or three levels deep.
const MOST_PARTS: usize = 100;
const DEEPEST: usize = 6;
/// Octets of a header block that are read.
const HEADER: usize = 64 * 1024;
/// Octets of one part's text that are read.
const PART: usize = 128 * 1024;

/// What a part is to a reader of bounces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// For people.
    Text,
    /// For people, of a page.
    Page,
    /// Fields of RFC 3464.
    Status,
    /// The message that is returned, or its header.
    Returned,
    /// Fields of RFC 5965.
    Feedback,
    /// Fields of RFC 8098: a read receipt.
    Disposition,
    /// Pictures and the like.
    Other,
}

/// One part, decoded.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) role: Role,
    pub(super) text: String,
}

/// One mail.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// The header of the mail itself.
    pub(super) head: Fields,
    /// `report-type` of its Content-Type, in lower case.
    pub(super) report_type: String,
    pub(super) parts: Vec<Part>,
}

impl Mail {
    /// Takes `mail`, line ends unified, apart.
    pub(super) fn open(mail: &[u8]) -> Self {
        let mail = without_envelope_line(mail);
        let (head, _) = split(mail);
        let head = Fields::of(&charset::decoded(head, None));
        let report_type = ContentType::of(&head, "").attribute("report-type").to_ascii_lowercase();
        let mut opened = Self { head, report_type, parts: Vec::new() };
        opened.walk(mail, 0, "text/plain");
        opened
    }

    /// The parts of one role.
    pub(super) fn of(&self, role: Role) -> impl Iterator<Item = &str> {
        self.parts.iter().filter(move |part| part.role == role).map(|part| part.text.as_str())
    }

    fn walk(&mut self, block: &[u8], depth: usize, default: &str) {
        if self.parts.len() >= MOST_PARTS {
            return;
        }
        let (head, body) = split(block);
        let head = Fields::of(&charset::decoded(head, None));
        let content = ContentType::of(&head, default);
        if content.kind.starts_with("multipart/") && depth < DEEPEST {
            let pieces = pieces(body, content.attribute("boundary"));
            let inner = if content.kind == "multipart/digest" { "message/rfc822" } else { "text/plain" };
            if !pieces.is_empty() {
                for piece in pieces {
                    self.walk(piece, depth + 1, inner);
                }
                return;
            }
        }
        let encoding = head.first("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
        self.parts.push(part(&content, &encoding, body));
    }
}

fn part(content: &ContentType, encoding: &str, body: &[u8]) -> Part {
    let mut role = role(&content.kind);
    let may_be_fields = content.kind == "application/octet-stream";
    if role == Role::Other && !may_be_fields {
        return Part { role, text: String::new() };
    }
    let bytes = unencoded(&body[..body.len().min(2 * PART)], encoding);
    if may_be_fields {
        if !begins_with_fields(&bytes) {
            return Part { role, text: String::new() };
        }
        role = Role::Status;
    }
    let text = charset::decoded(&bytes[..bytes.len().min(PART)], Some(content.attribute("charset")));
    let text = if role == Role::Page && html::is_page(&text) { html::text_of(&text) } else { text };
    Part { role, text }
}

fn role(kind: &str) -> Role {
    match kind {
        "text/html" => Role::Page,
        "text/rfc822-headers" | "message/global-headers" | "message/rfc822-headers" => Role::Returned,
        "message/rfc822" | "message/global" | "message/partial" | "message/news" => Role::Returned,
        "message/feedback-report" => Role::Feedback,
        kind if kind.contains("delivery-status") => Role::Status,
        kind if kind.contains("disposition-notification") => Role::Disposition,
        kind if kind.starts_with("text/") || kind.starts_with("multipart/") || !kind.contains('/') => Role::Text,
        _ => Role::Other,
    }
}

/// Gateways that do not know `message/delivery-status` call it octets.
fn begins_with_fields(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    ["reporting-mta:", "final-recipient:", "original-recipient:"]
        .iter()
        .any(|name| start.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes())))
}

/// The transfer encoding undone; what breaks its rules is taken as it stands, or as far as it keeps them.
fn unencoded(body: &[u8], encoding: &str) -> Vec<u8> {
    let decoded = match encoding.trim() {
        "base64" => base64_decode(base64_lines(body)),
        "quoted-printable" => quoted_printable_decode(body),
        _ => return body.to_vec(),
    };
    decoded.map_or_else(|| body.to_vec(), |bytes| lines::unified(&bytes))
}

/// The lines that can be base64: mailing lists add text behind them.
fn base64_lines(body: &[u8]) -> &[u8] {
    let fits = |line: &[u8]| line.trim_ascii().iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b));
    let length: usize = body.split_inclusive(|b| *b == b'\n').take_while(|line| fits(line)).map(<[u8]>::len).sum();
    &body[..length]
}

/// Header and body; the header ends at the first empty line.
fn split(block: &[u8]) -> (&[u8], &[u8]) {
    let (head, body) = if block.starts_with(b"\n") {
        (&block[..0], &block[1..])
    } else {
        match memchr::memmem::find(block, b"\n\n") {
            Some(at) => (&block[..=at], &block[at + 2..]),
            None => (block, &block[block.len()..]),
        }
    };
    (&head[..head.len().min(HEADER)], body)
}

/// Mailbox files put `From sender date` before the header.
fn without_envelope_line(mail: &[u8]) -> &[u8] {
    let mail = mail.trim_ascii_start();
    let is_envelope = mail.starts_with(b"From ") || mail.starts_with(b">From ");
    let end = memchr::memchr(b'\n', mail).filter(|_| is_envelope);
    end.map_or(mail, |at| &mail[at + 1..])
}

/// What stands between the lines of `boundary`. A boundary that does not occur is looked for in the body itself.
fn pieces<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let named = if boundary.is_empty() { Vec::new() } else { pieces_at(body, boundary.trim_end().as_bytes()) };
    if !named.is_empty() {
        return named;
    }
    apparent_boundary(body).map(|boundary| pieces_at(body, boundary)).unwrap_or_default()
}

fn pieces_at<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (None, 0);
    for line in body.split_inclusive(|b| *b == b'\n') {
        let mark = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary));
        let end = mark.map(<[u8]>::trim_ascii);
        if matches!(end, Some(b"" | b"--")) {
            pieces.extend(start.map(|start| &body[start..at]));
            start = (end == Some(b"")).then_some(at + line.len());
            if start.is_none() || pieces.len() > MOST_PARTS {
                return pieces;
            }
        }
        at += line.len();
    }
    pieces.extend(start.map(|start: usize| &body[start.min(body.len())..]));
    pieces
}

/// The first line `--…` that a Content- field follows.
fn apparent_boundary(body: &[u8]) -> Option<&[u8]> {
    let lines: Vec<&[u8]> = body.split(|b| *b == b'\n').take(200).collect();
    let is_content = |line: &[u8]| line.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-"));
    let pair = lines.windows(2).find(|pair| pair[0].starts_with(b"--") && pair[0].len() > 3 && is_content(pair[1]))?;
    Some(pair[0][2..].trim_ascii_end())
}

struct ContentType {
    kind: String,
    attributes: Vec<(String, String)>,
}

impl ContentType {
    fn of(head: &Fields, default: &str) -> Self {
        let none = Self { kind: default.to_owned(), attributes: Vec::new() };
        let Some(value) = head.first("content-type") else { return none };
        let field = format!("Content-Type: {value}\n\n");
        let parsed = MessageParser::new().parse_headers(field.as_bytes());
        let Some(content) = parsed.as_ref().and_then(|mail| mail.content_type()) else { return none };
        let kind = match content.subtype() {
            Some(subtype) => format!("{}/{subtype}", content.ctype()).to_ascii_lowercase(),
            None => content.ctype().to_ascii_lowercase(),
        };
        let attributes = content.attributes().unwrap_or_default();
        let attributes = attributes.iter().map(|a| (a.name.to_ascii_lowercase(), a.value.trim().to_owned()));
        Self { kind, attributes: attributes.collect() }
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(mail: &str) -> Vec<(Role, String)> {
        Mail::open(mail.as_bytes()).parts.into_iter().map(|part| (part.role, part.text.trim().to_owned())).collect()
    }

    #[test]
    fn parts_are_flat_and_decoded() {
        let mail = "Content-Type: multipart/report; report-type=\"Delivery-Status\"; boundary=\"x y\"\n\npreamble\n--x y\n\nHello\n\
            --x y\nContent-Type: multipart/alternative; boundary=z\n\n--z\nContent-Type: text/html\n\n<b>bold</b>\n--z--\n--x y  \n\
            Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\nQWN0aW9uOiBmYWlsZWQNCg==\n-- \na list\n--x y--\nend\n";
        let expected = [(Role::Text, "Hello"), (Role::Page, "bold"), (Role::Status, "Action: failed")];
        assert_eq!(roles(mail), expected.map(|(role, text)| (role, text.to_owned())));
        assert_eq!(Mail::open(mail.as_bytes()).report_type, "delivery-status");
    }

    #[test]
    fn a_boundary_that_the_header_does_not_name_is_found() {
        let mail = "Content-Type: multipart/mixed\n\n--b1\nContent-Type: text/plain\n\nHello\n--b1\nContent-Type: message/rfc822\n\nTo: a\n";
        assert_eq!(roles(mail), [(Role::Text, "Hello".to_owned()), (Role::Returned, "To: a".to_owned())]);
    }

    #[test]
    fn nested_messages_and_parts_without_end_stay_bounded() {
        let deep = "Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(20_000);
        assert!(Mail::open(deep.as_bytes()).parts.len() <= MOST_PARTS);
        let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(100_000));
        assert_eq!(Mail::open(many.as_bytes()).parts.len(), MOST_PARTS);
        assert!(Mail::open("Content-Type: message/rfc822\n\n".repeat(20_000).as_bytes()).parts.len() <= 1);
    }
}
