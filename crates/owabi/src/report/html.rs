//! The report as one file for a browser and for A4 paper: no script, nothing loaded from anywhere.

use super::words::number;
use super::{Block, Cell, Report, Row, Section, Table, Weight, sections};
use crate::cli::say::say;
use owabi_core::address::Lang;
use std::fmt::Write;

/// Rows.
const SHORT: usize = 12;

const STYLE: &str = include_str!("report.css");

/// The whole document.
pub fn page(report: &Report, lang: Lang) -> String {
    let notice = escape(&report.rows.notice.title);
    let heading = say!(ja: "通知の実施報告", en: "Report on notification");
    let (heading, tag) = (heading.of(lang), if lang == Lang::Ja { "ja" } else { "en" });
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{heading}: {notice}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<p>{heading}</p>\n<h1>{notice}</h1>\n</header>\n"
    );
    for (at, section) in (1..).zip(sections(report)) {
        write_section(&mut page, at, &section, lang);
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// What stands for itself in HTML, in an attribute as well.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn write_section(page: &mut String, at: usize, section: &Section, lang: Lang) {
    let _ = writeln!(page, "<section>\n<h2>{at}. {}</h2>", escape(section.title.of(lang)));
    for block in &section.blocks {
        match block {
            Block::Text(text) => {
                let _ = writeln!(page, "<p>{}</p>", escape(text.of(lang)));
            }
            Block::Alarm(text) => {
                let _ = writeln!(page, "<p class=\"alarm\" role=\"alert\">{}</p>", escape(text.of(lang)));
            }
            Block::Table(table) => write_table(page, table, lang),
            Block::Chart(caption, svg) => {
                let (caption, svg) = (escape(caption.of(lang)), svg.of(lang));
                let _ = writeln!(page, "<figure>\n<figcaption>{caption}</figcaption>\n{svg}\n</figure>");
            }
        }
    }
    page.push_str("</section>\n");
}

fn write_table(page: &mut String, table: &Table, lang: Lang) {
    let columns = table.rows.first().map_or(0, |row| row.cells.len());
    let class = match (table.head.is_empty(), columns) {
        (true, _) => "facts",
        (false, 2) => "counts",
        _ => "wide",
    };
    // A short table moves to the next page as a whole.
    let short = if table.rows.len() <= SHORT { " short" } else { "" };
    let _ = writeln!(page, "<table class=\"{class}{short}\">");
    if !table.head.is_empty() {
        page.push_str("<thead><tr>");
        let numbers = table.rows.first().map(|row| &row.cells);
        for (at, name) in table.head.iter().enumerate() {
            let is_number = numbers.and_then(|cells| cells.get(at)).is_some_and(|cell| matches!(cell, Cell::Number(_)));
            let class = if is_number { " class=\"number\"" } else { "" };
            let _ = write!(page, "<th scope=\"col\"{class}>{}</th>", escape(name.of(lang)));
        }
        page.push_str("</tr></thead>\n");
    }
    page.push_str("<tbody>\n");
    for row in &table.rows {
        write_row(page, row, lang);
    }
    page.push_str("</tbody>\n</table>\n");
}

fn write_row(page: &mut String, row: &Row, lang: Lang) {
    page.push_str(match row.weight {
        Weight::Plain => "<tr>",
        Weight::Part => "<tr class=\"part\">",
        Weight::Sum => "<tr class=\"sum\">",
    });
    for (at, cell) in row.cells.iter().enumerate() {
        let (tag, scope) = if at == 0 { ("th", " scope=\"row\"") } else { ("td", "") };
        let _ = match cell {
            Cell::Text(text) => write!(page, "<{tag}{scope}>{}</{tag}>", escape(text.of(lang))),
            Cell::Number(n) => write!(page, "<{tag}{scope} class=\"number\">{}</{tag}>", number(*n)),
            Cell::Code(code) => write!(page, "<{tag}{scope}><code>{}</code></{tag}>", escape(code)),
        };
    }
    page.push_str("</tr>\n");
}
