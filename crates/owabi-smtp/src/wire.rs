//! Reads SMTP replies from raw bytes, guarded: whatever a relay sends, memory stays bounded and nothing is misread as success.

use memchr::memchr;
use owabi_core::reply::Reply;
use owabi_core::text::{Text, say};
use thiserror::Error;

/// The longest reply line, in octets without its line end. RFC 5321 section 4.5.3.1.5 asks for 512; real relays say more.
pub const MAX_LINE: usize = 4 * 1024;
/// The longest reply over all its lines, in octets.
pub const MAX_REPLY: usize = 64 * 1024;
/// The most lines in one reply.
pub const MAX_LINES: usize = 512;

/// Why bytes from the relay are not an SMTP reply. The connection cannot be used after any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// A line longer than [`MAX_LINE`].
    #[error("the relay sent a reply line over {MAX_LINE} octets")]
    LongLine,
    /// A reply longer than [`MAX_REPLY`] or of more lines than [`MAX_LINES`].
    #[error("the relay sent a reply without end")]
    LongReply,
    /// A line that does not begin with a code from 200 to 599 and a space, a hyphen or the line end.
    #[error("the relay sent something that is no SMTP reply")]
    Garbage,
    /// The lines of one reply bear different codes.
    #[error("the relay sent a reply whose lines bear different codes")]
    MixedCodes,
}

impl WireError {
    /// The error in both languages.
    pub(crate) fn text(self) -> Text {
        match self {
            Self::LongLine => say!(ja: "中継サーバーの応答に {MAX_LINE} バイトを超える行があります", en: "{self}"),
            Self::LongReply => say!(ja: "中継サーバーの応答が終わりません", en: "{self}"),
            Self::Garbage => say!(ja: "中継サーバーから、SMTP の応答でないものが届きました", en: "{self}"),
            Self::MixedCodes => say!(ja: "中継サーバーの一つの応答に、異なるコードの行があります", en: "{self}"),
        }
    }
}

/// Collects bytes and hands out complete replies.
#[derive(Debug, Default)]
pub struct ReplyReader {
    buffer: Vec<u8>,
    start: usize,
    partial: Option<Partial>,
}

/// The lines of a reply that has not ended yet.
#[derive(Debug)]
struct Partial {
    code: u16,
    text: String,
    lines: usize,
    octets: usize,
}

impl ReplyReader {
    /// Takes bytes as they came from the relay. Callers read at most a few KiB at a time and drain [`Self::next_reply`] after each.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete reply, `None` when more bytes are needed.
    ///
    /// # Errors
    /// A [`WireError`] when the bytes cannot be a reply.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, WireError> {
        while let Some(length) = self.line_length()? {
            let line = &self.buffer[self.start..self.start + length];
            let ended = take_line(&mut self.partial, line.strip_suffix(b"\r").unwrap_or(line))?;
            self.start += length + 1;
            if ended {
                return Ok(self.partial.take().map(|whole| Reply { code: whole.code, text: whole.text }));
            }
        }
        self.compact();
        Ok(None)
    }

    /// Whether nothing is left over: no bytes beyond the last complete reply.
    pub fn is_empty(&self) -> bool {
        self.start == self.buffer.len() && self.partial.is_none()
    }

    fn line_length(&self) -> Result<Option<usize>, WireError> {
        let rest = &self.buffer[self.start..];
        let end = memchr(b'\n', &rest[..rest.len().min(MAX_LINE + 2)]);
        if end.is_none() && rest.len() > MAX_LINE + 1 { Err(WireError::LongLine) } else { Ok(end) }
    }

    fn compact(&mut self) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }
}

/// Adds one line (without its end) to the reply under way; true when it was the last.
fn take_line(partial: &mut Option<Partial>, line: &[u8]) -> Result<bool, WireError> {
    let (code, last, text) = split(line)?;
    let whole = partial.get_or_insert_with(|| Partial { code, text: String::new(), lines: 0, octets: 0 });
    if whole.code != code {
        return Err(WireError::MixedCodes);
    }
    whole.lines += 1;
    whole.octets += line.len() + 2;
    if whole.octets > MAX_REPLY || whole.lines > MAX_LINES {
        return Err(WireError::LongReply);
    }
    if whole.lines > 1 {
        whole.text.push('\n');
    }
    push_lossily(&mut whole.text, text);
    Ok(last)
}

/// Code, whether this is the last line, and the text after the code.
fn split(line: &[u8]) -> Result<(u16, bool, &[u8]), WireError> {
    let [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = line else { return Err(WireError::Garbage) };
    let code = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
    if memchr(0, rest).is_some() {
        return Err(WireError::Garbage);
    }
    match rest {
        [] => Ok((code, true, rest)),
        [b' ', text @ ..] => Ok((code, true, text)),
        [b'-', text @ ..] => Ok((code, false, text)),
        _ => Err(WireError::Garbage),
    }
}

/// Some relays answer in `Shift_JIS`: what is not UTF-8, and every control character, becomes U+FFFD.
fn push_lossily(text: &mut String, bytes: &[u8]) {
    let decoded = String::from_utf8_lossy(bytes);
    if decoded.bytes().all(|b| matches!(b, b' '..=b'~')) {
        text.push_str(&decoded);
    } else {
        text.extend(decoded.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Reply>, WireError> {
        let mut reader = ReplyReader::default();
        reader.feed(bytes);
        reader.next_reply()
    }

    #[test]
    fn replies_are_read_as_they_come_in_the_world() {
        let cases: [(&[u8], u16, &str); 7] = [
            (b"250 2.0.0 Ok\r\n", 250, "2.0.0 Ok"),
            (b"250\r\n", 250, ""),
            (b"250 \r\n", 250, ""),
            (b"250 bare line feed\n", 250, "bare line feed"),
            (b"250-a\r\n250-\r\n250 b\r\n", 250, "a\n\nb"),
            (b"250 \x8e\xf3\x95t\r\n", 250, "\u{FFFD}\u{FFFD}t"),
            (b"550 a\x1b[31mb\rc\r\n", 550, "a\u{FFFD}[31mb\u{FFFD}c"),
        ];
        for (bytes, code, text) in cases {
            let reply = read(bytes).unwrap().unwrap();
            assert_eq!(reply.code, code, "{bytes:?}");
            if code == 250 && bytes.contains(&0x8e) {
                assert!(reply.text.contains('\u{FFFD}'), "{reply:?}");
            } else {
                assert_eq!(reply.text, text, "{bytes:?}");
            }
        }
    }

    #[test]
    fn what_is_no_reply_is_an_error_and_never_a_success() {
        let cases: [(&[u8], WireError); 9] = [
            (b"199 x\r\n", WireError::Garbage),
            (b"600 x\r\n", WireError::Garbage),
            (b"25\r\n", WireError::Garbage),
            (b"\r\n", WireError::Garbage),
            (b"250ok\r\n", WireError::Garbage),
            (b"250 a\0b\r\n", WireError::Garbage),
            (b"HTTP/1.1 200 OK\r\n", WireError::Garbage),
            (b"250-a\r\n251 b\r\n", WireError::MixedCodes),
            (&[b'2'; MAX_LINE + 2], WireError::LongLine),
        ];
        for (bytes, error) in cases {
            assert_eq!(read(bytes).unwrap_err(), error, "{bytes:?}");
        }
    }

    #[test]
    fn a_reply_that_never_ends_is_cut_off() {
        let mut reader = ReplyReader::default();
        let line = [b"250-".as_slice(), &[b'x'; 1000], b"\r\n"].concat();
        let error = (0..1000).find_map(|_| {
            reader.feed(&line);
            reader.next_reply().err()
        });
        assert_eq!(error, Some(WireError::LongReply));
        let mut short = ReplyReader::default();
        short.feed(&b"250-\r\n".repeat(MAX_LINES + 1));
        assert_eq!(short.next_reply(), Err(WireError::LongReply));
    }

    #[test]
    fn many_replies_in_one_read_come_out_one_by_one() {
        let mut reader = ReplyReader::default();
        let bytes = b"250 a\r\n354 b\r\n550-c\r\n550 d\r\n25".as_slice();
        for byte in bytes {
            reader.feed(&[*byte]);
        }
        let codes: Vec<u16> = std::iter::from_fn(|| reader.next_reply().unwrap()).map(|reply| reply.code).collect();
        assert_eq!(codes, [250, 354, 550]);
        assert!(!reader.is_empty());
    }
}
