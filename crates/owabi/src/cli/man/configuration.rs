//! owabi.yaml(5), from the commented configuration.

use super::overview::{entry, lines};
use super::page::{breakable, section};
use crate::config::commented_keys;
use clap_mangen::roff::{Roff, roman};

const VERSION: &str = concat!("owabi ", env!("CARGO_PKG_VERSION"));

/// The page in roff.
pub(super) fn page() -> String {
    let mut page = Roff::new();
    page.control("TH", ["owabi.yaml", "5", "", VERSION, "owabi"]);
    page.control("ad", ["l"]);
    section(&mut page, "NAME");
    page.text([roman("owabi.yaml - the configuration of owabi  owabi の設定")]);
    // `whatis` reads the name as it stands.
    let name = page.render();
    let mut page = Roff::new();
    section(&mut page, "DESCRIPTION");
    page.text([roman(
        "Every key with its default; yours marks what must be changed. A key that is not listed is refused, and owabi check names file, \
         line and key of every mistake. Paths are relative to this file's folder. Durations: 250ms 30s 5m 4h 5d 1h30m. [] stands for \
         each entry of a list. An environment variable overrides a key: OWABI_DISPATCH__CLAIM=50.",
    )]);
    keys(&mut page);
    section(&mut page, "SEE ALSO");
    page.text([roman("owabi(1)")]);
    name + &breakable(&page.render())
}

fn keys(page: &mut Roff) {
    for key in commented_keys() {
        if !key.path.contains('.') {
            section(page, &key.path.to_uppercase().replace('_', " "));
            for line in &key.about {
                lines(page, line);
            }
        }
        if !key.default.is_empty() || !key.meaning.is_empty() {
            let above = if key.path.contains('.') { key.about.join(" ") } else { String::new() };
            entry(page, &format!("{}: {}", key.path, key.default), format!("{above} {}", key.meaning).trim());
        }
    }
}
