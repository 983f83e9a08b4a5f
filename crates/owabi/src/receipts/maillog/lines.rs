//! Lines of a stream that may grow, one at a time, whatever their length.

use std::io::{self, BufRead, BufReader, Read};

/// Octets that are read at once.
const CHUNK: usize = 256 << 10;

#[derive(Debug)]
pub(crate) struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    /// What is dropped of a line that is too long.
    dropped: Vec<u8>,
    longest: usize,
    /// Octets of the line in hand as it stands in the stream.
    octets: u64,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// Of a line that is longer than `longest` octets, the rest is dropped.
    pub(crate) fn new(from: R, longest: usize) -> Self {
        let from = BufReader::with_capacity(CHUNK, from);
        Self { from, line: Vec::new(), dropped: Vec::new(), longest, octets: 0, ended: false }
    }

    /// Reads on to the end of a line; false when the stream ends before that: what there is is kept for the next call.
    pub(crate) fn next(&mut self) -> io::Result<bool> {
        if self.ended {
            self.line.clear();
            (self.octets, self.ended) = (0, false);
        }
        while !self.ended {
            let room = self.longest - self.line.len();
            self.dropped.clear();
            let to = if room > 0 { &mut self.line } else { &mut self.dropped };
            let most = if room > 0 { room } else { CHUNK };
            let read = (&mut self.from).take(most as u64).read_until(b'\n', to)?;
            self.octets += read as u64;
            self.ended = read > 0 && to.last() == Some(&b'\n');
            if read == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The line in hand, whole after [`Self::next`] said true.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Octets of the line in hand with its end, dropped ones too.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    pub(super) fn inner(&self) -> &R {
        self.from.get_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &[u8], longest: usize) -> (Vec<(String, u64)>, String) {
        let mut lines = Lines::new(text, longest);
        let mut all = Vec::new();
        while lines.next().unwrap() {
            all.push((String::from_utf8_lossy(lines.line()).trim_end().to_owned(), lines.octets()));
        }
        (all, String::from_utf8_lossy(lines.line()).into_owned())
    }

    #[test]
    fn a_line_is_whole_only_with_its_end() {
        let (all, rest) = read_all(b"one\n\nthree\r\nfo", 100);
        assert_eq!(all, [("one".to_owned(), 4), (String::new(), 1), ("three".to_owned(), 7)]);
        assert_eq!(rest, "fo");
    }

    #[test]
    fn of_a_long_line_the_beginning_is_kept_and_the_next_line_is_read_as_if_nothing_had_been() {
        let text = format!("{}\nnext\n", "x".repeat(3 * CHUNK + 7));
        let (all, rest) = read_all(text.as_bytes(), 10);
        assert_eq!(all, [("x".repeat(10), 3 * CHUNK as u64 + 8), ("next".to_owned(), 5)]);
        assert_eq!(rest, "");
    }

    #[test]
    fn a_line_that_fills_its_room_to_the_last_octet_is_not_joined_with_the_next() {
        assert_eq!(read_all(b"abcd\nefgh\n", 5).0, [("abcd".to_owned(), 5), ("efgh".to_owned(), 5)]);
        assert_eq!(read_all(b"abcd\nefgh\n", 4).0, [("abcd".to_owned(), 5), ("efgh".to_owned(), 5)]);
    }
}
