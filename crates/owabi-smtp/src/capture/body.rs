//! The text between DATA and the final dot.

/// Where the body ends in what was received: its length, and the length with the final dot.
pub(super) fn end_of_body(received: &[u8], searched: usize) -> Option<(usize, usize)> {
    if received.starts_with(b".\r\n") {
        return Some((0, 3));
    }
    let from = searched.saturating_sub(4);
    let at = from + memchr::memmem::find(received.get(from..)?, b"\r\n.\r\n")?;
    Some((at + 2, at + 5))
}

/// Takes away the dot before each line that begins with one.
pub(super) fn unstuff(body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len());
    let mut rest = body.strip_prefix(b".").unwrap_or(body);
    while let Some(at) = memchr::memmem::find(rest, b"\r\n.") {
        message.extend_from_slice(&rest[..at + 2]);
        rest = &rest[at + 3..];
    }
    message.extend_from_slice(rest);
    message
}

/// What a strict relay finds wrong with a message, as a reply.
pub(super) fn complaint(message: &[u8]) -> Option<(u16, &'static str)> {
    let mut rest = message;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        if at > 998 {
            return Some((500, "5.5.2 Error: line too long"));
        }
        match rest.get(at..at + 2) {
            Some(b"\r\n") => rest = &rest[at + 2..],
            _ if rest[at] == b'\n' => return Some((550, "5.5.2 Error: bare <LF> received")),
            _ => return Some((550, "5.5.2 Error: bare <CR> received")),
        }
    }
    (rest.len() > 998).then_some((500, "5.5.2 Error: line too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_ends_only_at_a_dot_between_two_line_ends() {
        assert_eq!(end_of_body(b"a\r\n.\r\nMAIL", 0), Some((3, 6)));
        assert_eq!(end_of_body(b".\r\n", 0), Some((0, 3)));
        for open in [&b"a\n.\n"[..], b"a\r\n.\n", b"a\r.\r", b"a\r\n.", b"a.\r\n", b".a\r\n", b""] {
            assert_eq!(end_of_body(open, 0), None, "{open:?}");
        }
        assert_eq!(end_of_body(b"abcdef\r\n.\r\n", 10), Some((8, 11)));
    }

    #[test]
    fn one_dot_is_taken_from_each_line_that_begins_with_one() {
        assert_eq!(unstuff(b"..a\r\n..\r\n...b\r\n.c\r\nd.\r\n"), b".a\r\n.\r\n..b\r\nc\r\nd.\r\n");
        assert_eq!(unstuff(b""), b"");
    }

    #[test]
    fn bare_line_ends_and_long_lines_are_complained_about() {
        assert_eq!(complaint(b"a\r\nb\r\n"), None);
        assert_eq!(complaint(b"a\nb\r\n").map(|(code, _)| code), Some(550));
        assert_eq!(complaint(b"a\rb\r\n").map(|(code, _)| code), Some(550));
        assert_eq!(complaint(&[b'a'; 999]).map(|(code, _)| code), Some(500));
    }
}
