//! Reading rosters: from the bytes of a file to affected members and lines to give back.
//!
//! Everything streams: memory does not grow with the file. No line vanishes: each record of the file yields one [`Line`],
//! and a file that cannot be read to its end yields an error. A line with nothing on it is no roster line. A row without
//! a name is refused, because the letter could greet nobody; the operator gets it back and can complete it.

mod cohort;
mod columns;
mod encoding;
mod list;
mod merge;
mod paid_at;
mod records;
mod refusal;
mod refused;
mod row;

pub use cohort::{CohortRule, NotAffected, RosterCohort};
pub use columns::{Column, ColumnMap, Kind};
pub use encoding::{Detected, Encoding, Why, detect, encode};
pub use list::{List, ListRow, listed_number};
pub use merge::{Finding, Known, Merge, another_person, merge};
pub use paid_at::PaidAt;
pub use records::FIELD_LIMIT;
pub use refusal::{Refusal, RosterError};
pub use refused::{RefusedWriter, defuse, undo};
pub use row::{Entry, RowChange, Verdict};

use encoding::{Decoding, UNDECODABLE, read_some};
use records::{Record, Records, Step};
use row::Judge;
use std::io::{Chain, Cursor, Read};

/// How a roster is to be read. The default detects what it can.
#[derive(Clone, Debug, Default)]
pub struct RosterOptions {
    /// The encoding; `None` detects it.
    pub encoding: Option<Encoding>,
    /// What stands between fields; `None` detects it from the header.
    pub delimiter: Option<Delimiter>,
    /// The notice's header names.
    pub columns: ColumnMap,
    /// The notice's cohorts, in its order.
    pub cohorts: Vec<RosterCohort>,
    /// Replace 外字 by 〓 and report it, where otherwise the row is refused.
    pub replace_gaiji: bool,
}

/// What stands between the fields of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// A tab.
    Tab,
    /// `;`
    Semicolon,
}

impl Delimiter {
    fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Tab => b'\t',
            Self::Semicolon => b';',
        }
    }

    /// The one that the first line with anything on it has most of, outside quotation marks.
    fn detect(text: &[u8]) -> Self {
        let is_end = |b: &u8| matches!(b, b'\r' | b'\n');
        let begin = text.iter().position(|b| !is_end(b)).unwrap_or(0);
        let mut quoted = false;
        let mut counts = [0_usize; 3];
        for byte in text[begin..].iter().take_while(|b| !is_end(b)) {
            quoted ^= *byte == b'"';
            let at = [Self::Tab, Self::Comma, Self::Semicolon].iter().position(|d| d.byte() == *byte);
            if let Some(at) = at.filter(|_| !quoted) {
                counts[at] += 1;
            }
        }
        match counts {
            [tabs, commas, semicolons] if tabs > commas && tabs >= semicolons => Self::Tab,
            [_, commas, semicolons] if semicolons > commas => Self::Semicolon,
            _ => Self::Comma,
        }
    }
}

/// One line of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The physical line where it starts; the first line of the file is 1.
    pub number: u64,
    /// What it came to.
    pub verdict: Verdict,
}

/// Reads a roster line by line.
///
/// After an error it yields nothing more, and the file was not read to its end: what was taken from it has to be undone.
pub struct RosterReader<R> {
    records: Records<Whole<R>>,
    record: Record,
    judge: Judge,
    encoding: Detected,
    delimiter: Delimiter,
    finished: bool,
}

impl<R: Read> RosterReader<R> {
    /// Reads the header of a roster. Nothing but `reader` is touched.
    ///
    /// # Errors
    /// When reading fails, the file is empty, its header is not readable or does not fit a roster.
    pub fn new(reader: R, options: &RosterOptions) -> Result<Self, RosterError> {
        let (encoding, bytes) = with_encoding(reader, options.encoding)?;
        let mut records = Records::new(Decoding::new(bytes, encoding.encoding));
        let delimiter = options.delimiter.map_or_else(|| records.peek().map(Delimiter::detect), Ok)?;
        records.set_delimiter(delimiter.byte());
        let mut record = Record::default();
        let headers = match records.next(&mut record)? {
            Step::Record => headers(&record)?,
            Step::End => return Err(RosterError::Empty),
            Step::UnclosedQuote(line) => return Err(RosterError::UnclosedQuote { line }),
        };
        let judge = Judge::new(headers, options)?;
        if judge.columns.kind() == Kind::PaymentExport && !judge.has_rules() {
            return Err(RosterError::NoRules);
        }
        Ok(Self { records, record, judge, encoding, delimiter, finished: false })
    }

    /// The encoding in use, and why; a forced one is certain.
    pub fn encoding(&self) -> Detected {
        self.encoding
    }

    /// What stands between the fields.
    pub fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// What the columns say that the file is.
    pub fn kind(&self) -> Kind {
        self.judge.columns.kind()
    }

    /// The roster's headers; those that a file of refused lines has before them are not the roster's.
    pub fn headers(&self) -> &[String] {
        &self.judge.columns.headers
    }

    fn step(&mut self) -> Result<Option<Line>, RosterError> {
        match self.records.next(&mut self.record)? {
            Step::Record => Ok(Some(Line { number: self.record.line, verdict: self.judge.verdict(&self.record) })),
            Step::End => Ok(None),
            Step::UnclosedQuote(line) => Err(RosterError::UnclosedQuote { line }),
        }
    }
}

impl<R: Read> Iterator for RosterReader<R> {
    type Item = Result<Line, RosterError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let step = self.step().transpose();
        self.finished = !matches!(step, Some(Ok(_)));
        step
    }
}

/// How a workbook begins: that of today is a zip, that of Excel 97 to 2003 a compound file.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"];

/// A reader with the sample that was taken of it put back in front.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// Settles the encoding, from the first 64 KiB if need be, and gives the bytes back whole.
fn with_encoding<R: Read>(mut reader: R, forced: Option<Encoding>) -> Result<(Detected, Whole<R>), RosterError> {
    let mut sample = vec![0; 64 * 1024];
    let mut filled = 0;
    while filled < sample.len() {
        match read_some(&mut reader, &mut sample[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    sample.truncate(filled);
    if WORKBOOKS.iter().any(|mark| sample.starts_with(mark)) {
        return Err(RosterError::Workbook);
    }
    let by_force = forced.map(|encoding| Detected { encoding, confident: true, why: Why::Asked });
    let encoding = by_force.unwrap_or_else(|| detect(&sample));
    Ok((encoding, Cursor::new(sample).chain(reader)))
}

fn headers(record: &Record) -> Result<Vec<String>, RosterError> {
    let text = std::str::from_utf8(record.bytes()).map_err(|_| RosterError::UnreadableHeader)?;
    let odd = text.contains([UNDECODABLE, '\0']) || record.too_long.is_some() || record.stray_quote.is_some();
    if odd {
        return Err(RosterError::UnreadableHeader);
    }
    Ok((0..record.len()).map(|index| String::from_utf8_lossy(record.field(index)).into_owned()).collect())
}

/// What an operator is shown before an import, to judge whether the encoding was guessed rightly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The encoding, and why.
    pub encoding: Detected,
    /// What stands between the fields.
    pub delimiter: Delimiter,
    /// What kind of file it is.
    pub kind: Kind,
    /// Its headers.
    pub headers: Vec<String>,
    /// The name cells of the first rows, as decoded and no further checked.
    pub names: Vec<String>,
}

impl Sample {
    /// Reads the header and the names of the first `rows` rows.
    ///
    /// # Errors
    /// As [`RosterReader::new`].
    pub fn read(reader: impl Read, options: &RosterOptions, rows: usize) -> Result<Self, RosterError> {
        let mut roster = RosterReader::new(reader, options)?;
        let mut names = Vec::new();
        while names.len() < rows && matches!(roster.records.next(&mut roster.record)?, Step::Record) {
            let name = String::from_utf8_lossy(roster.judge.name_of(&roster.record)).into_owned();
            names.push(name.replace(UNDECODABLE, "\u{fffd}").chars().take(200).collect());
        }
        let (encoding, delimiter, kind) = (roster.encoding, roster.delimiter, roster.kind());
        Ok(Self { encoding, delimiter, kind, headers: roster.judge.columns.headers, names })
    }
}
