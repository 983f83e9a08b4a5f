//! The screens of README.md and README.ja.md, and those of an import in the guides for the night, are those of the program.

use super::markdown::{Document, all};
use crate::support::site::{NOTICE, Site, owabi};

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
fn the_guides_for_the_night_show_what_an_import_of_the_sample_prints() {
    for (path, lang, name) in
        [("docs/operators-night.md", "en", "roster.csv"), ("docs/operators-night.ja.md", "ja", "名簿.csv")]
    {
        let site = Site::new();
        site.write(name, &site.read("samples/payments.csv"));
        let mut import = site.command(&["--lang", lang, "import", name, "--notice", NOTICE, "--dry-run"]);
        let said = import.current_dir(site.path("")).output().unwrap();
        let printed = String::from_utf8([said.stderr, said.stdout].concat()).unwrap();
        let documents = all();
        let document = documents.iter().find(|document| document.path == path).unwrap();
        let shown = document.blocks().into_iter().find(|block| block.text.starts_with(&format!("{name}: ")));
        assert_eq!(shown.unwrap().text.trim_end(), printed.trim_end(), "{path}");
    }
}

#[test]
fn a_line_that_is_not_the_one_shown_is_found() {
    assert!(is_shown("head a=1 b=2", "head a=… b=…") && is_shown("x", "x"));
    assert!(!is_shown("head a=1 c=2", "head a=… b=…") && !is_shown("xy", "x"));
}
