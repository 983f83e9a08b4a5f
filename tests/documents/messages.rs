//! What the guide for the night quotes of the program's messages is what the program says.

use super::markdown::{Document, all, find, root};
use std::sync::OnceLock;

/// The program alone: no test says anything to an operator.
fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut files = Vec::new();
        find(&root().join("crates"), &["rs"], &mut files);
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    })
}

/// Four English words or more that are no command, no key and no sample of what stands in a column.
fn is_message(code: &str) -> bool {
    let is_command = ["owabi ", "sudo ", "systemctl "].iter().any(|start| code.starts_with(start));
    let starts = code.starts_with(|first: char| first.is_ascii_lowercase() || first == '…');
    let other = code.contains("  ") || code.contains(['-', '/', '<', '>', '$', '=', '{', '"', '|', '_']);
    starts && !is_command && !other && code.split_whitespace().count() > 3
}

/// The parts of a quotation that stand for themselves: `…` is anything, and figures are an example's.
fn pieces(quoted: &str) -> impl Iterator<Item = &str> {
    let pieces = quoted.split('…').map(|piece| piece.trim_matches(|c: char| !c.is_alphabetic()));
    pieces.filter(|piece| piece.chars().count() > 3 && !piece.bytes().any(|byte| byte.is_ascii_digit()))
}

/// 「…」 of more than a word.
fn japanese(document: &Document) -> Vec<(usize, String)> {
    let lines = document.text.lines().enumerate();
    let quoted = lines.flat_map(|(number, line)| {
        let parts = line.split('「').skip(1).filter_map(|part| part.split_once('」'));
        parts.map(move |(quoted, _)| (number + 1, quoted.to_owned()))
    });
    quoted.filter(|(_, quoted)| quoted.chars().count() > 8).collect()
}

fn never_said(document: &Document) -> Vec<String> {
    let english = document.code().into_iter().filter(|(_, code)| is_message(code));
    let quoted = english.chain(japanese(document));
    let never = quoted.filter(|(_, quoted)| pieces(quoted).any(|piece| !program().contains(piece)));
    never.map(|(line, quoted)| format!("{}:{line}: {quoted:?} is never said", document.path)).collect()
}

#[test]
fn every_message_that_the_guide_for_the_night_quotes_is_one_of_the_program() {
    let guides: Vec<Document> =
        all().into_iter().filter(|document| document.path.starts_with("docs/operators-night")).collect();
    let found: Vec<String> = guides.iter().flat_map(never_said).collect();
    assert!(guides.len() == 2 && found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_message_that_the_program_does_not_say_is_found() {
    let text = "`its text changed after the release` `a released notice is not sent`\n「この月はチーズでできています」「まだ結果の出ていない人が … 人います」\n";
    let found = never_said(&Document::of("a.md", text));
    assert_eq!(found.len(), 2, "{found:?}");
}
