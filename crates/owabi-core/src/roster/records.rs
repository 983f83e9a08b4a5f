//! Splitting delimited text into records, with bounded memory.
//!
//! The csv crate lets a record grow without bound, counts only line feeds as lines and takes the end of the file for a
//! closing quotation mark, so one stray mark could swallow half a roster in silence. This splitter keeps RFC 4180's
//! rules and does none of that; its lines end with CR LF, LF or a lone CR.

use super::encoding::Decoding;
use std::io::{self, Read};

/// A field over this many octets of UTF-8 refuses its row.
pub const FIELD_LIMIT: usize = 64 * 1024;
/// A row over this many octets is refused.
const RECORD_LIMIT: usize = 256 * 1024;
/// A row with more fields is refused.
const FIELDS_LIMIT: usize = 4096;
/// What is kept of an over-long field, to show to the operator.
const KEPT: usize = 1024;

/// One record, reused from row to row.
#[derive(Default)]
pub(super) struct Record {
    /// Physical line where it starts, from 1.
    pub(super) line: u64,
    /// The first field that went over a limit, from 0.
    pub(super) too_long: Option<usize>,
    /// The first field with text after its closing quotation mark, from 0.
    pub(super) stray_quote: Option<usize>,
    /// Line of the last opening quotation mark.
    quote_line: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    overflowing: bool,
}

/// What reading a record came to.
pub(super) enum Step {
    Record,
    End,
    /// The file ended inside quotation marks that were opened on this line.
    UnclosedQuote(u64),
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    AfterQuote,
}

impl Record {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        (self.too_long, self.stray_quote, self.overflowing) = (None, None, false);
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.overflowing {
            return;
        }
        let start = self.ends.last().copied().unwrap_or(0);
        let field = self.bytes.len() - start + bytes.len();
        if field <= FIELD_LIMIT && self.bytes.len() + bytes.len() <= RECORD_LIMIT {
            return self.bytes.extend_from_slice(bytes);
        }
        let room = KEPT.saturating_sub(self.bytes.len() - start);
        self.bytes.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.bytes.truncate(start + KEPT);
        self.overflow();
    }

    fn overflow(&mut self) {
        self.too_long.get_or_insert(self.ends.len());
        self.overflowing = true;
    }

    fn end_field(&mut self) {
        if self.ends.len() < FIELDS_LIMIT {
            self.ends.push(self.bytes.len());
            self.overflowing = self.bytes.len() >= RECORD_LIMIT;
        } else {
            self.overflow();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The octets of all fields, one after the other.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The octets of one field; nothing for a field that is not there.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends.get(index - 1).copied().unwrap_or(0) };
        self.ends.get(index).map_or(&[], |end| &self.bytes[start..*end])
    }

    /// A line without anything on it: no roster line.
    fn is_blank(&self) -> bool {
        self.len() == 1 && self.bytes.iter().all(|b| matches!(b, b' ' | b'\t'))
    }
}

/// Reads records from decoded text.
pub(super) struct Records<R> {
    text: Decoding<R>,
    delimiter: u8,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    line: u64,
    after_cr: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn new(text: Decoding<R>) -> Self {
        let buffer = vec![0; 64 * 1024].into_boxed_slice();
        Self { text, delimiter: b',', buffer, start: 0, end: 0, line: 1, after_cr: false }
    }

    pub(super) fn set_delimiter(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
    }

    /// The decoded text that is at hand, before any record is read: enough for the header of any real roster.
    pub(super) fn peek(&mut self) -> io::Result<&[u8]> {
        while self.end < 16 * 1024 {
            match self.text.read(&mut self.buffer[self.end..])? {
                0 => break,
                read => self.end += read,
            }
        }
        Ok(&self.buffer[..self.end])
    }

    /// Reads the next record that is not blank.
    pub(super) fn next(&mut self, record: &mut Record) -> io::Result<Step> {
        loop {
            record.clear();
            let step = self.read_record(record)?;
            if !matches!(step, Step::Record) || !record.is_blank() {
                return Ok(step);
            }
        }
    }

    fn read_record(&mut self, record: &mut Record) -> io::Result<Step> {
        let mut state = State::FieldStart;
        let mut begun = false;
        loop {
            if self.start == self.end {
                (self.start, self.end) = (0, self.text.read(&mut self.buffer)?);
                if self.end == 0 {
                    return Ok(at_end(state, begun, record));
                }
            }
            // The LF of a CR LF whose CR ended the record before.
            if std::mem::take(&mut self.after_cr) && self.buffer[self.start] == b'\n' {
                self.start += 1;
                if state == State::Quoted {
                    record.push(b"\n");
                }
                continue;
            }
            if !begun {
                (begun, record.line) = (true, self.line);
            }
            if self.advance(&mut state, record) {
                return Ok(Step::Record);
            }
        }
    }

    /// Takes one run of text; true when it ended the record.
    fn advance(&mut self, state: &mut State, record: &mut Record) -> bool {
        match state {
            State::FieldStart if self.buffer[self.start] == b'"' => {
                self.start += 1;
                record.quote_line = self.line;
                *state = State::Quoted;
                false
            }
            State::FieldStart | State::Plain => self.advance_plain(state, record),
            State::Quoted => {
                self.advance_quoted(state, record);
                false
            }
            State::AfterQuote => self.advance_after_quote(state, record),
        }
    }

    fn advance_plain(&mut self, state: &mut State, record: &mut Record) -> bool {
        let run = &self.buffer[self.start..self.end];
        let stop = memchr::memchr3(self.delimiter, b'\r', b'\n', run);
        record.push(&run[..stop.unwrap_or(run.len())]);
        self.start += stop.unwrap_or(run.len());
        *state = State::Plain;
        if stop.is_none() {
            return false;
        }
        record.end_field();
        *state = State::FieldStart;
        let last = self.buffer[self.start] != self.delimiter;
        self.pass_byte();
        last
    }

    fn advance_quoted(&mut self, state: &mut State, record: &mut Record) {
        let run = &self.buffer[self.start..self.end];
        let stop = memchr::memchr3(b'"', b'\r', b'\n', run);
        record.push(&run[..stop.unwrap_or(run.len())]);
        self.start += stop.unwrap_or(run.len());
        let Some(stop) = stop.map(|_| self.buffer[self.start]) else { return };
        if stop == b'"' {
            *state = State::AfterQuote;
        } else {
            record.push(&[stop]);
        }
        self.pass_byte();
    }

    fn advance_after_quote(&mut self, state: &mut State, record: &mut Record) -> bool {
        let next = self.buffer[self.start];
        if next == b'"' {
            record.push(b"\"");
            self.start += 1;
            *state = State::Quoted;
            return false;
        }
        if ![self.delimiter, b'\r', b'\n'].contains(&next) {
            record.stray_quote.get_or_insert(record.len());
        }
        self.advance_plain(state, record)
    }

    /// Passes a delimiter, quotation mark or line end, counting lines.
    fn pass_byte(&mut self) {
        let byte = self.buffer[self.start];
        self.after_cr = byte == b'\r';
        self.line += u64::from(byte == b'\r' || byte == b'\n');
        self.start += 1;
    }
}

fn at_end(state: State, begun: bool, record: &mut Record) -> Step {
    match state {
        State::Quoted => Step::UnclosedQuote(record.quote_line),
        _ if !begun => Step::End,
        _ => {
            record.end_field();
            Step::Record
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Encoding;
    use super::*;

    #[test]
    fn the_memory_of_a_record_stays_bounded_whatever_the_file_holds() {
        let endless_field = format!("\"{}\"\n", "x".repeat(10 << 20));
        let endless_row = format!("{}\n", "abc,".repeat(1 << 20));
        let large_fields = format!("{}\n", format!("{},", "y".repeat(60_000)).repeat(100));
        let text = [endless_field, endless_row, large_fields].concat();
        let mut records = Records::new(Decoding::new(text.as_bytes(), Encoding::Utf8));
        let mut record = Record::default();
        for _ in 0..3 {
            assert!(matches!(records.next(&mut record), Ok(Step::Record)));
            assert!(record.too_long.is_some());
        }
        assert!(matches!(records.next(&mut record), Ok(Step::End)));
        assert!(record.bytes.capacity() <= 1 << 20, "{}", record.bytes.capacity());
        assert!(record.ends.capacity() <= 2 * FIELDS_LIMIT);
    }
}
