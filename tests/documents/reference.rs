//! `docs/reference/`: written from the code by `./x reference`, and refused by the tests when it is not what the code says.

mod cli;
mod configuration;
mod exit_codes;
mod metrics;
mod queue_table;

use super::markdown::{all, root};

/// Set by `./x reference`.
const WRITE: &str = "OWABI_WRITE_REFERENCE";
const FOLDER: &str = "docs/reference";
const WRITTEN: &str = "<!-- Written by ./x reference from the code. Do not edit. -->";

/// The pages of the reference.
async fn pages() -> Vec<(&'static str, String)> {
    let pages = [
        ("configuration.md", configuration::page()),
        ("cli.md", cli::page()),
        ("exit-codes.md", exit_codes::page()),
        ("metrics.md", metrics::page()),
        ("queue-table.md", queue_table::page().await),
    ];
    pages.map(|(name, text)| (name, format!("{WRITTEN}\n\n{}\n", text.trim_end()))).into()
}

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    let escaped = text.replace('|', "\\|").replace('<', "\\<").replace('\n', " ");
    // English and Japanese stand with two blanks between.
    escaped.split("  ").map(str::trim).collect::<Vec<_>>().join("<br>")
}

#[tokio::test]
async fn the_reference_is_what_the_code_says() {
    let writes = std::env::var_os(WRITE).is_some();
    for (name, text) in pages().await {
        let file = root().join(FOLDER).join(name);
        if writes {
            std::fs::create_dir_all(root().join(FOLDER)).unwrap();
            std::fs::write(&file, &text).unwrap();
        }
        let there = std::fs::read_to_string(&file).unwrap_or_default();
        let differs = there.lines().zip(text.lines()).find(|(there, wanted)| there != wanted);
        assert!(there == text, "{FOLDER}/{name} is not what the code says; run ./x reference\n{differs:?}");
    }
}

#[test]
fn no_page_of_the_reference_is_of_something_that_is_gone() {
    const PAGES: [&str; 5] = ["cli.md", "configuration.md", "exit-codes.md", "metrics.md", "queue-table.md"];
    let there =
        all().into_iter().filter_map(|document| Some(document.path.strip_prefix("docs/reference/")?.to_owned()));
    assert_eq!(there.collect::<Vec<_>>(), PAGES);
}
