//! The screens of README.md and README.ja.md are those of the program.

use super::markdown::{Document, all};
use crate::support::site::owabi;

/// The lines that a document shows of the demonstration.
fn demonstration(document: &Document) -> Vec<String> {
    let blocks = document.blocks().into_iter().map(|block| block.text);
    blocks
        .filter(|text| text.starts_with("1. "))
        .flat_map(|text| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Whether the line is the one that is shown, in which `…` stands for anything.
fn is_shown(line: &str, shown: &str) -> bool {
    let (first, rest) = shown.split_once('…').unwrap_or((shown, ""));
    let Some(mut left) = line.strip_prefix(first) else { return false };
    if !shown.contains('…') {
        return left.is_empty();
    }
    for piece in rest.split('…') {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    true
}

#[test]
fn the_readme_shows_what_the_demonstration_prints() {
    for (path, lang) in [("README.md", "en"), ("README.ja.md", "ja")] {
        let documents = all();
        let shown = demonstration(documents.iter().find(|document| document.path == path).unwrap());
        let place = tempfile::tempdir().unwrap();
        let keep = place.path().join("kept");
        let said = owabi(&["--as", "root", "--lang", lang, "demo", "--keep", keep.to_str().unwrap()]).exits(0);
        let printed: Vec<&str> = said.stdout.lines().take(shown.len()).collect();
        let differs = printed.iter().zip(&shown).find(|(line, shown)| !is_shown(line, shown));
        assert!(shown.len() > 8 && differs.is_none(), "{path}: {differs:?}");
    }
}

#[test]
fn a_line_that_is_not_the_one_shown_is_found() {
    assert!(is_shown("head a=1 b=2", "head a=… b=…") && is_shown("x", "x"));
    assert!(!is_shown("head a=1 c=2", "head a=… b=…") && !is_shown("xy", "x"));
}
