//! The report at a terminal: the same sections, without the charts.

use super::words::number;
use super::{Block, Cell, Report, Row, Table, Weight, sections};
use owabi_core::address::Lang;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// What a terminal makes red, and back.
const RED: [&str; 2] = ["\u{1b}[1;31m", "\u{1b}[0m"];

/// The whole report; `colour`: what does not add up is red.
pub fn page(report: &Report, lang: Lang, colour: bool) -> String {
    let mut page = String::new();
    let _ = writeln!(page, "{}", plain(&report.rows.notice.title));
    for (at, section) in (1..).zip(sections(report)) {
        let _ = writeln!(page, "\n{at}. {}", section.title.of(lang));
        for block in &section.blocks {
            match block {
                Block::Text(text) => {
                    let _ = writeln!(page, "  {}", plain(text.of(lang)));
                }
                Block::Alarm(text) => {
                    let [red, back] = if colour { RED } else { [""; 2] };
                    let _ = writeln!(page, "  {red}!! {}{back}", plain(text.of(lang)));
                }
                Block::Table(table) => write_table(&mut page, table, lang),
                Block::Chart(..) => {}
            }
        }
    }
    page
}

fn write_table(page: &mut String, table: &Table, lang: Lang) {
    page.push('\n');
    let head = table.head.iter().map(|name| Cell::Text(name.clone())).collect();
    let head = Some(Row { cells: head, weight: Weight::Plain }).filter(|row| !row.cells.is_empty());
    let rows: Vec<&Row> = head.iter().chain(&table.rows).collect();
    let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let wide = |at: usize| rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| said(cell, lang).width()).max();
    let widths: Vec<usize> = (0..columns).map(|at| wide(at).unwrap_or(0) + if at == 0 { 2 } else { 0 }).collect();
    let numbers: Vec<bool> = (0..columns).map(|at| is_number(table, at)).collect();
    for row in rows {
        let mut line = String::from("    ");
        for (at, cell) in row.cells.iter().enumerate() {
            let indent = if at == 0 && row.weight == Weight::Part { "  " } else { "" };
            let text = format!("{indent}{}", said(cell, lang));
            let blanks = " ".repeat(widths[at].saturating_sub(text.width()));
            let (first, second) = if numbers[at] { (&blanks, &text) } else { (&text, &blanks) };
            line.extend([first, second, "  "]);
        }
        let _ = writeln!(page, "{}", line.trim_end());
    }
}

/// Columns of counts are aligned at their right; in a table of facts every value begins at the same place.
fn is_number(table: &Table, column: usize) -> bool {
    let is = |row: &Row| matches!(row.cells.get(column), Some(Cell::Number(_)));
    !table.head.is_empty() && table.rows.iter().any(is)
}

fn said(cell: &Cell, lang: Lang) -> String {
    match cell {
        Cell::Text(text) => plain(text.of(lang)),
        Cell::Number(n) => number(*n),
        Cell::Code(code) => plain(code),
    }
}

/// Without what moves a terminal's cursor.
fn plain(text: &str) -> String {
    text.chars().map(crate::cli::log::plain).collect()
}
