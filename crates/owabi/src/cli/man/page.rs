//! The page of one verb: what its `--help` says, with the examples line by line.

use super::overview;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// The page of `command` in roff.
pub(super) fn of(command: &Command) -> String {
    let man = Man::new(command.clone()).manual("owabi");
    let (mut page, is_overview) = (Vec::new(), command.get_name() == "owabi");
    // Writing into memory cannot fail.
    let _ = man.render_title(&mut page);
    page.extend_from_slice(b".ad l\n");
    let _ = man.render_name_section(&mut page);
    // `whatis` reads the name as it stands.
    let name = String::from_utf8_lossy(&std::mem::take(&mut page)).into_owned();
    let _ = man.render_synopsis_section(&mut page);
    let _ = man.render_description_section(&mut page);
    let _ = man.render_options_section(&mut page);
    if command.has_subcommands() {
        let _ = man.render_subcommands_section(&mut page);
    }
    let mut more = Roff::new();
    help(&mut more, &command.get_after_help().map(ToString::to_string).unwrap_or_default(), !is_overview);
    if is_overview {
        overview::sections(&mut more);
    } else {
        section(&mut more, "SEE ALSO");
        more.text([roman("owabi(1), owabi.yaml(5)")]);
    }
    name + &breakable(&String::from_utf8_lossy(&page)) + &breakable(&more.render())
}

/// With a place for a line's end (`\:`, groff(7)) between any two kana or kanji: troff finds none in Japanese.
pub(super) fn breakable(page: &str) -> String {
    let is_japanese = |one: char| matches!(one, '\u{3041}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}');
    let mut last = ' ';
    let mut to = String::with_capacity(page.len());
    for one in page.chars() {
        if is_japanese(last) && is_japanese(one) {
            to.push_str("\\:");
        }
        to.push(one);
        last = one;
    }
    to
}

/// A heading.
pub(super) fn section(page: &mut Roff, title: &str) {
    page.control("SH", [title]);
}

/// Examples as they are; what else the help says as paragraphs.
fn help(page: &mut Roff, help: &str, notes: bool) {
    let mut is_first = true;
    for paragraph in help.split("\n\n") {
        if let Some(examples) = paragraph.strip_prefix("Examples:\n") {
            section(page, "EXAMPLES");
            page.control("nf", []);
            for line in examples.lines() {
                page.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
            page.control("fi", []);
        } else if notes && !paragraph.trim().is_empty() {
            if std::mem::take(&mut is_first) {
                section(page, "NOTES");
            } else {
                page.control("PP", []);
            }
            for line in paragraph.lines() {
                page.text([roman(line.trim_start())]);
            }
        }
    }
}
