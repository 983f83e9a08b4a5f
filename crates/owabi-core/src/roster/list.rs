//! Lists that operators hand in beside rosters: member numbers, and what was done for whom. Read as tolerantly as a roster.

use super::cohort::fold;
use super::columns::plain;
use super::encoding::{Decoding, UNDECODABLE};
use super::records::{Record, Records, Step};
use super::refused::undo;
use super::{Column, Delimiter, RosterError, with_encoding};
use std::io::Read;

/// A list, read whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The first line names the columns.
    pub has_header: bool,
    /// How many columns the widest line has.
    pub columns: usize,
    /// Which of the wanted columns are there.
    pub found: Vec<bool>,
    /// The lines with anything on them, without the header.
    pub rows: Vec<ListRow>,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// The physical line, from 1.
    pub line: u64,
    /// The wanted columns, in the order in which they were asked for; empty where there is none.
    pub cells: Vec<String>,
}

impl List {
    /// Reads the columns that have one of these names in the header. The first wanted column is the member's number, whatever
    /// rosters may call it; a file without a header has it in its first column, and no others. Any encoding of rosters will do;
    /// an apostrophe that keeps spreadsheets from running a cell is taken away.
    ///
    /// # Errors
    /// When reading fails, or the file ends inside quotation marks.
    pub fn read(reader: impl Read, others: &[&[&str]]) -> Result<Self, RosterError> {
        let (encoding, bytes) = with_encoding(reader, None)?;
        let mut records = Records::new(Decoding::new(bytes, encoding.encoding));
        let delimiter = Delimiter::detect(records.peek()?);
        records.set_delimiter(delimiter.byte());
        let names: Vec<&[&str]> = std::iter::once(Column::MemberNo.names()).chain(others.iter().copied()).collect();
        let (mut list, mut record) = (Self::default(), Record::default());
        let mut places: Vec<Option<usize>> = Vec::new();
        loop {
            match records.next(&mut record)? {
                Step::End => return Ok(list),
                Step::UnclosedQuote(line) => return Err(RosterError::UnclosedQuote { line }),
                Step::Record => {}
            }
            let cells: Vec<String> = (0..record.len()).map(|index| cell(&record, index)).collect();
            list.columns = list.columns.max(cells.len());
            if places.is_empty() {
                places = find(&names, &cells);
                list.has_header = places[0].is_some();
                if !list.has_header {
                    places = alone(names.len());
                }
                list.found = places.iter().map(Option::is_some).collect();
                if list.has_header {
                    continue;
                }
            }
            let wanted = |place: &Option<usize>| place.and_then(|at| cells.get(at)).cloned().unwrap_or_default();
            list.rows.push(ListRow { line: record.line, cells: places.iter().map(wanted).collect() });
        }
    }
}

/// Where each wanted column stands.
fn find(names: &[&[&str]], headers: &[String]) -> Vec<Option<usize>> {
    let headers: Vec<String> = headers.iter().map(|header| plain(header)).collect();
    let at = |names: &&[&str]| headers.iter().position(|header| names.iter().any(|name| plain(name) == *header));
    names.iter().map(at).collect()
}

/// The number stands first, and nothing else is wanted of the line.
fn alone(columns: usize) -> Vec<Option<usize>> {
    (0..columns).map(|column| (column == 0).then_some(0)).collect()
}

fn cell(record: &Record, index: usize) -> String {
    let text = String::from_utf8_lossy(record.field(index)).replace(UNDECODABLE, "\u{fffd}");
    undo(text.trim()).to_owned()
}

/// A member's number as rosters store it: full-width digits and blanks around it make no other number.
pub fn listed_number(cell: &str) -> String {
    fold(cell).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &[&str] = &["方法", "kind"];
    const NOTE: &[&str] = &["備考", "note"];

    fn read(bytes: &[u8], others: &[&[&str]]) -> List {
        List::read(bytes, others).unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn cells(list: &List) -> Vec<(u64, Vec<&str>)> {
        list.rows.iter().map(|row| (row.line, row.cells.iter().map(String::as_str).collect())).collect()
    }

    #[test]
    fn numbers_one_a_line_need_no_header_and_blank_lines_are_none() {
        let list = read("\u{feff}10001\r\n\r\n10002\n'=3\n".as_bytes(), &[]);
        assert_eq!((list.has_header, list.found.clone()), (false, vec![true]));
        assert_eq!(cells(&list), [(1, vec!["10001"]), (3, vec!["10002"]), (4, vec!["=3"])]);
    }

    #[test]
    fn columns_are_found_by_their_names_in_either_language_wherever_they_stand() {
        let list = read("備考,会員番号,ほか,方法\n\"書留、不在\",10001,x,letter\n".as_bytes(), &[KIND, NOTE]);
        assert_eq!(cells(&list), [(2, vec!["10001", "letter", "書留、不在"])]);
        let list = read(b"member_no;note\n7;n\n", &[KIND, NOTE]);
        assert_eq!((list.has_header, list.found.clone()), (true, vec![true, false, true]));
        assert_eq!(cells(&list), [(2, vec!["7", "", "n"])]);
    }

    #[test]
    fn a_list_that_excel_saved_in_cp932_is_read() {
        let text = "会員番号,備考\r\n10001,髙﨑様へ郵送済み。書面にてお知らせいたしました\r\n";
        let bytes = super::super::encode(text, super::super::Encoding::Cp932).unwrap_or_default();
        assert_eq!(
            cells(&read(&bytes, &[NOTE])),
            [(2, vec!["10001", "髙﨑様へ郵送済み。書面にてお知らせいたしました"])]
        );
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_an_error_and_no_shorter_list() {
        assert!(matches!(
            List::read(&b"10001\n\"10002\n10003\n"[..], &[]),
            Err(RosterError::UnclosedQuote { line: 2 })
        ));
    }

    #[test]
    fn a_full_width_number_is_the_same_number() {
        assert_eq!(listed_number("　１０００１ "), "10001");
    }
}
