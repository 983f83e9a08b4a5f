//! A document in two languages says the same in both, as far as a program can see.

use super::markdown::{Document, all};
use super::shell;

/// What must agree: headings by level, blocks by language, commands by verb and options, rows of tables.
fn skeleton(document: &Document) -> Vec<String> {
    let headings =
        document.headings().into_iter().map(|heading| "#".repeat(heading.level)).collect::<Vec<_>>().join(" ");
    let tables = document.tables().iter().map(Vec::len).map(|rows| rows.to_string()).collect::<Vec<_>>().join(" ");
    let mut skeleton = vec![format!("headings {headings}"), format!("rows of tables {tables}")];
    for block in document.blocks() {
        skeleton.push(format!("a block of {}", block.language));
        if block.language == "sh" {
            skeleton.extend(shell::commands(&block.text).iter().map(|words| options(words)));
        }
    }
    skeleton
}

/// A command without its values, which a translation may change.
fn options(words: &[String]) -> String {
    let plain =
        |word: &&String| word.starts_with('-') || word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let is_value = |n: usize| n > 0 && words[n - 1].starts_with("--");
    let kept = words.iter().enumerate().filter(|(n, word)| plain(word) && (!is_value(*n) || word.starts_with('-')));
    kept.map(|(_, word)| word.as_str()).collect::<Vec<_>>().join(" ")
}

fn first_difference(one: &Document, other: &Document) -> Option<String> {
    let (ours, theirs) = (skeleton(one), skeleton(other));
    let at = (0..ours.len().max(theirs.len())).find(|n| ours.get(*n) != theirs.get(*n))?;
    Some(format!("{}: {:?}\n{}: {:?}", one.path, ours.get(at), other.path, theirs.get(at)))
}

#[test]
fn both_languages_of_a_document_have_the_same_sections_tables_and_commands() {
    let documents = all();
    let mut found = Vec::new();
    for japanese in documents.iter().filter(|document| document.is_japanese()) {
        let path = japanese.path.replace(".ja.md", ".md");
        match documents.iter().find(|document| document.path == path) {
            Some(english) => found.extend(first_difference(english, japanese)),
            None => found.push(format!("{path} is missing")),
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn what_an_operator_reads_is_there_in_both_languages() {
    let documents = all();
    let is_there = |path: &str| documents.iter().any(|document| document.path == path);
    for name in
        ["README", "docs/operators-night", "docs/administrator", "docs/compliance", "docs/promises", "docs/receipts"]
    {
        assert!(is_there(&format!("{name}.md")) && is_there(&format!("{name}.ja.md")), "{name}");
    }
}

#[test]
fn a_section_a_row_or_a_command_that_one_language_lacks_is_found() {
    let of = |text: &str| Document::of("a.md", text);
    let english = of("# A\n| a |\n|---|\n| b |\n```sh\nowabi log --since 2h > log.csv\n```\n");
    let same = of("# あ\n| い |\n|---|\n| う |\n```sh\nowabi log --since 3h > 記録.csv\n```\n");
    assert_eq!(first_difference(&english, &same), None);
    for other in ["# あ\n## い\n", "# あ\n| い |\n|---|\n", "# あ\n| い |\n|---|\n| う |\n```sh\nowabi log\n```\n"]
    {
        assert!(first_difference(&english, &of(other)).is_some(), "{other}");
    }
}
