//! Refused lines, given back to the operator as a file that Excel opens rightly.

use crate::address::Lang;
use crate::spreadsheet::Spreadsheet;
use std::borrow::Cow;
use std::io::{self, Write};

/// The columns that a file of refused lines has before the roster's own, in Japanese and in English.
const OWN: [[&str; 2]; 2] = [["行番号", "line"], ["理由", "reason"]];

/// A cell that no spreadsheet takes for a formula: one that begins with `=`, `+`, `-`, `@`, a tab, a line break or a
/// full-width form of these gets `'` before it; so does one that only looks defused already, so that [`undo`] is exact.
pub fn defuse(cell: &str) -> Cow<'_, str> {
    if is_dangerous(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// The cell that [`defuse`] was given.
pub fn undo(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|cell| is_dangerous(cell)).unwrap_or(cell)
}

fn is_dangerous(cell: &str) -> bool {
    let bare = cell.trim_start_matches('\'');
    bare.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// How many columns before the roster's own ones this header has: those of a file of refused lines, or none.
pub(super) fn own_columns(headers: &[String]) -> usize {
    let is_own = |lang: usize| headers.len() > OWN.len() && OWN.iter().zip(headers).all(|(own, h)| own[lang] == h);
    if is_own(0) || is_own(1) { OWN.len() } else { 0 }
}

/// Writes lines that are given back as CSV: line number, reason, then the fields as they were. UTF-8 with BOM, CR LF, cells defused.
pub struct RefusedWriter<W: Write> {
    sheet: Spreadsheet<W>,
}

impl<W: Write> RefusedWriter<W> {
    /// Writes the mark and the header; `headers` are the roster's own.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn new(to: W, headers: &[String], lang: Lang) -> io::Result<Self> {
        let mut sheet = Spreadsheet::new(to)?;
        let own = OWN.map(|[ja, en]| lang.of(ja, en));
        sheet.row(own.into_iter().chain(headers.iter().map(String::as_str)))?;
        Ok(Self { sheet })
    }

    /// Writes one line, with what [`super::Refusal::text`] or [`super::NotAffected::text`] says of it.
    ///
    /// # Errors
    /// Those of the writer handed to [`RefusedWriter::new`].
    pub fn write(&mut self, number: u64, reason: &str, raw: &[String]) -> io::Result<()> {
        let number = number.to_string();
        self.sheet.row([number.as_str(), reason].into_iter().chain(raw.iter().map(String::as_str)))
    }

    /// Flushes what was written.
    ///
    /// # Errors
    /// Those of the writer handed to [`RefusedWriter::new`].
    pub fn finish(mut self) -> io::Result<()> {
        self.sheet.finish()
    }
}
