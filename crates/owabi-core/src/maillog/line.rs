//! The frame of a line: `STAMP HOST NAME/AGENT[PID]: QUEUEID: WORDS`, in whichever layout the syslog daemon writes it.

use jiff::Timestamp;
use memchr::{memchr, memmem};

/// The tag is among so many words: `<22>1 STAMP HOST NAME/AGENT` and `2026 Nov 22 18:24:04 HOST NAME/AGENT[PID]:` are the longest layouts.
const WORDS: usize = 6;
/// Queue ids are 6 to about 20 characters.
const QUEUE_ID: std::ops::RangeInclusive<usize> = 5..=40;

/// A line of a Postfix program that is about a mail in the queue.
#[derive(Debug)]
pub(super) struct Line<'a> {
    head: &'a [u8],
    /// The program, as in `smtp`; the syslog name before it may be anything.
    pub(super) agent: &'a [u8],
    pub(super) queue_id: &'a str,
    /// What follows the queue id.
    pub(super) said: &'a [u8],
}

impl<'a> Line<'a> {
    pub(super) fn split(line: &'a [u8]) -> Option<Self> {
        let (head, agent, message) = frame(line)?;
        let end = memchr(b':', &message[..message.len().min(QUEUE_ID.end() + 1)])?;
        let (queue_id, said) = (&message[..end], message[end..].strip_prefix(b": ")?);
        if !QUEUE_ID.contains(&queue_id.len()) || !queue_id.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        Some(Self { head, agent, queue_id: std::str::from_utf8(queue_id).ok()?, said })
    }

    /// When it was written, epoch milliseconds: RFC 3339 says it, RFC 3164 has neither year nor zone.
    pub(super) fn at(&self) -> Option<i64> {
        let words = self.head.split(|octet| *octet == b' ').filter(|word| word.len() >= 20 && word[4] == b'-');
        let stamp = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<Timestamp>().ok();
        words.filter_map(stamp).map(Timestamp::as_millisecond).next()
    }
}

/// What stands before the tag, the program, and the message. The first word that ends with a colon is the tag or there is none:
/// other programs' messages hold what strangers sent them, and that may look like a tag.
fn frame(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let new_style = line.first() == Some(&b'<') && memmem::find(&line[..line.len().min(8)], b">1 ").is_some();
    let mut from = 0;
    for n in 0..WORDS {
        from += line[from..].iter().take_while(|octet| **octet == b' ').count();
        let word = &line[from..from + memchr(b' ', &line[from..])?];
        let rest = &line[from + word.len() + 1..];
        if new_style && n == 3 {
            return Some((&line[..from], agent(word)?, after_ids(rest)?));
        }
        if let Some(tag) = word.strip_suffix(b":") {
            let tag = tag.strip_suffix(b"]").map_or(tag, |tag| &tag[..memchr(b'[', tag).unwrap_or(tag.len())]);
            return Some((&line[..from], agent(tag)?, rest.trim_ascii_start()));
        }
        from += word.len();
    }
    None
}

fn agent(tag: &[u8]) -> Option<&[u8]> {
    let slash = memchr::memrchr(b'/', tag)?;
    Some(&tag[slash + 1..])
}

/// RFC 5424: `PROCID MSGID -` stand between tag and message, which may begin with a byte order mark.
fn after_ids(rest: &[u8]) -> Option<&[u8]> {
    let mut words = rest.splitn(4, |octet| *octet == b' ').skip(2);
    let (data, message) = (words.next()?, words.next()?);
    (data == b"-").then(|| message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message))
}

/// The Message-ID that cleanup says, without angle brackets; a header may hold comments beside it, or no brackets at all.
pub(super) fn message_id(field: &[u8]) -> Option<String> {
    let inner = match memchr(b'<', field) {
        Some(open) => &field[open + 1..open + 1 + memchr(b'>', &field[open + 1..])?],
        None => field,
    };
    let text = String::from_utf8_lossy(inner.trim_ascii());
    (!text.is_empty()).then(|| text.into_owned())
}
