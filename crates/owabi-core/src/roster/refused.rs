//! Refused lines, given back to the operator as a file that Excel opens rightly.

use super::Refusal;
use crate::address::Lang;
use std::borrow::Cow;
use std::io::{self, Write};

/// A cell that no spreadsheet takes for a formula: one that begins with `=`, `+`, `-`, `@`, a tab, a line break or a
/// full-width form of these gets `'` before it.
pub fn defuse(cell: &str) -> Cow<'_, str> {
    let dangerous = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if dangerous { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Writes refused lines as CSV: line number, reason, then the fields as they were. UTF-8 with BOM, CR LF, cells defused.
pub struct RefusedWriter<W: Write> {
    csv: csv::Writer<W>,
    lang: Lang,
}

impl<W: Write> RefusedWriter<W> {
    /// Writes the mark and the header; `headers` are the roster's own.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn new(mut to: W, headers: &[String], lang: Lang) -> io::Result<Self> {
        to.write_all("\u{feff}".as_bytes())?;
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(to);
        let own = [lang.of("行番号", "line"), lang.of("理由", "reason")];
        csv.write_record(own.into_iter().map(Cow::from).chain(headers.iter().map(|h| defuse(h))).map(Cow::into_owned))?;
        Ok(Self { csv, lang })
    }

    /// Writes one refused line.
    ///
    /// # Errors
    /// Those of the writer handed to [`RefusedWriter::new`].
    pub fn write(&mut self, number: u64, reason: &Refusal, raw: &[String]) -> io::Result<()> {
        let own = [number.to_string(), defuse(&reason.text(self.lang)).into_owned()];
        self.csv.write_record(own.into_iter().chain(raw.iter().map(|cell| defuse(cell).into_owned())))?;
        Ok(())
    }

    /// Flushes what was written.
    ///
    /// # Errors
    /// Those of the writer handed to [`RefusedWriter::new`].
    pub fn finish(mut self) -> io::Result<()> {
        self.csv.flush()
    }
}
