//! CSV as a spreadsheet opens it rightly: the one writer of every list that owabi hands out.

use crate::roster::defuse;
use std::io::{self, Write};

/// Writes rows as UTF-8 with the mark that Excel wants, lines ended by CR LF, and no cell that would be run as a formula.
pub struct Spreadsheet<W: Write> {
    csv: csv::Writer<W>,
}

impl<W: Write> Spreadsheet<W> {
    /// Writes the mark.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn new(mut to: W) -> io::Result<Self> {
        to.write_all("\u{feff}".as_bytes())?;
        let csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(to);
        Ok(Self { csv })
    }

    /// Writes one row, its cells made harmless.
    ///
    /// # Errors
    /// Those of the writer handed to [`Spreadsheet::new`].
    pub fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) -> io::Result<()> {
        for cell in cells {
            self.csv.write_field(defuse(cell.as_ref()).as_bytes())?;
        }
        self.csv.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Flushes what was written.
    ///
    /// # Errors
    /// Those of the writer handed to [`Spreadsheet::new`].
    pub fn finish(&mut self) -> io::Result<()> {
        self.csv.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excel_opens_it_as_utf_8_and_runs_no_cell() {
        let mut out = Vec::new();
        let mut sheet = Spreadsheet::new(&mut out).unwrap();
        sheet.row(["会員番号", "備考"]).unwrap();
        for cell in ["=1+1", "+81", "-1", "@x", "\tx", "\rx", "＝1", "＋1", "－1", "＠x"] {
            sheet.row(["10001", cell]).unwrap();
        }
        sheet.row(["10002", "a,\"b\""]).unwrap();
        sheet.finish().unwrap();
        drop(sheet);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("\u{feff}会員番号,備考\r\n"), "{text}");
        for cell in ["'=1+1", "'+81", "'-1", "'@x", "'\tx", "'＝1", "'＋1", "'－1", "'＠x"] {
            assert!(text.contains(&format!("10001,{cell}\r\n")), "{cell:?} {text:?}");
        }
        assert!(text.contains("10001,\"'\rx\"\r\n"));
        assert!(text.ends_with("10002,\"a,\"\"b\"\"\"\r\n"));
    }
}
