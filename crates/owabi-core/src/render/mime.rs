//! Writes a letter as a mail: the same letter and stamp give the same bytes. All lines are 7-bit and at most 76 long.

use super::error::RenderError;
use super::header::{push_mailbox, push_text, refuse_control, refuse_odd_address, refuse_odd_recipient};
use super::{Letter, Stamp};
use crate::member::Member;
use crate::notice::NoticeDefinition;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{Timestamp, civil::Weekday, tz::Offset};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// 57 bytes become 76 characters.
const RAW_LINE: usize = 57;
const CODED_LINE: usize = 76;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The header fields that are the same in every mail of a notice.
pub(super) struct Fixed {
    sender: String,
    nature: String,
}

impl Fixed {
    pub(super) fn new(definition: &NoticeDefinition) -> Result<Self, RenderError> {
        let mut sender = String::new();
        for (header, field, mailbox) in
            [("From", "from", &definition.from), ("Reply-To", "reply_to", &definition.reply_to)]
        {
            refuse_control(field, &mailbox.name)?;
            refuse_odd_address(field, &mailbox.address)?;
            push_mailbox(&mut sender, header, &mailbox.name, &mailbox.address);
        }
        let language = definition.language.tag();
        let nature = format!(
            "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\nContent-Language: {language}\r\n\
             Content-Type: multipart/alternative;\r\n boundary=\""
        );
        Ok(Self { sender, nature })
    }

    /// The whole mail.
    pub(super) fn mail(&self, member: &Member, letter: &Letter, stamp: &Stamp<'_>) -> Result<Vec<u8>, RenderError> {
        let boundary = boundary(stamp.message_id);
        let mut out = String::with_capacity(1_024 + (letter.text.len() + letter.html.len()) * 3 / 2);
        self.push_headers(&mut out, member, letter, stamp, &boundary)?;
        let mut out = out.into_bytes();
        push_part(&mut out, &boundary, "plain", &letter.text);
        push_part(&mut out, &boundary, "html", &letter.html);
        for piece in ["--", &boundary, "--\r\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
        Ok(out)
    }

    fn push_headers(
        &self,
        out: &mut String,
        member: &Member,
        letter: &Letter,
        stamp: &Stamp<'_>,
        boundary: &str,
    ) -> Result<(), RenderError> {
        refuse_control("name", &member.name)?;
        refuse_control("subject", &letter.subject)?;
        refuse_odd_recipient("to", stamp.to, member.email.as_deref())?;
        refuse_odd_address("message_id", stamp.message_id)?;
        push_date(out, stamp.dated_at_ms)?;
        out.push_str(&self.sender);
        push_mailbox(out, "To", &member.name, stamp.to);
        push_text(out, "Subject", &letter.subject);
        for piece in ["Message-ID: <", stamp.message_id, ">\r\n", &self.nature, boundary, "\"\r\n\r\n"] {
            out.push_str(piece);
        }
        Ok(())
    }
}

/// Derived from the Message-ID. The `_` cannot stand in base64, so no body line can look like it.
fn boundary(message_id: &str) -> String {
    let digest = Sha256::digest(message_id.as_bytes());
    format!("=_owabi_{}", hex(&digest[..12]))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// `Date: Wed, 02 Mar 2022 09:00:00 +0900` (RFC 5322, Japan time).
pub(super) fn push_date(out: &mut String, millis: i64) -> Result<(), RenderError> {
    let at = Timestamp::from_millisecond(millis).map_err(|_| RenderError::Date(millis))?;
    let at = Offset::constant(9).to_datetime(at);
    let weekday = match at.weekday() {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    };
    let month = usize::try_from(at.month() - 1).ok().and_then(|n| MONTHS.get(n)).copied().unwrap_or("Jan");
    let (day, year) = (at.day(), at.year());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    write!(out, "Date: {weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0900\r\n")
        .map_err(|_| RenderError::Date(millis))
}

fn push_part(out: &mut Vec<u8>, boundary: &str, kind: &str, body: &str) {
    for piece in ["--", boundary, "\r\nContent-Type: text/", kind] {
        out.extend_from_slice(piece.as_bytes());
    }
    out.extend_from_slice(b"; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    push_base64(out, &with_crlf(body));
}

/// MIME text has CRLF line ends, whatever the template's file has.
pub(super) fn with_crlf(body: &str) -> Vec<u8> {
    let mut lines = Vec::with_capacity(body.len() + body.len() / 32 + 2);
    let mut rest = body.as_bytes();
    while let Some(at) = memchr::memchr(b'\n', rest) {
        lines.extend_from_slice(rest[..at].strip_suffix(b"\r").unwrap_or(&rest[..at]));
        lines.extend_from_slice(b"\r\n");
        rest = &rest[at + 1..];
    }
    lines.extend_from_slice(rest);
    lines
}

pub(super) fn push_base64(out: &mut Vec<u8>, body: &[u8]) {
    let mut line = [0; CODED_LINE];
    for raw in body.chunks(RAW_LINE) {
        // The buffer holds any coded line, so the length is always given.
        let length = STANDARD.encode_slice(raw, &mut line).unwrap_or(0);
        out.extend_from_slice(&line[..length]);
        out.extend_from_slice(b"\r\n");
    }
}
