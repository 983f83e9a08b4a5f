//! `configuration.md`, from the commented configuration that `owabi init` writes.

use super::cell;
use owabi::config::{CommentedKey, commented_keys};
use std::fmt::Write as _;

const HEAD: &str = "\
# Reference: the configuration

設定の全項目と既定値です。どの項目にも英語の説明があり、多くには日本語の説明も添えてあります。

Every key of `owabi.yaml`, with its default, as in the file that `owabi init` writes. A key that is not listed is refused. Paths are relative
to the file's folder; durations are `250ms`, `30s`, `5m`, `4h`, `5d`, `1h30m`. `[]` stands for each entry of a list. *yours* marks what must be
changed. An environment variable overrides a key: `OWABI_DISPATCH__CLAIM=50`, `OWABI_SMTP__RELAYS__0__HOST=…`. The same is in the manual page owabi.yaml(5).
";

pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    for key in commented_keys() {
        if !key.path.contains('.') {
            section(&mut page, &key);
        }
        row(&mut page, &key);
    }
    page
}

fn section(page: &mut String, key: &CommentedKey) {
    let _ = writeln!(page, "\n## {}\n", key.path);
    if !key.about.is_empty() {
        let _ = writeln!(page, "{}\n", key.about.join("\n").replace("  ", "\n\n"));
    }
    page.push_str("| key | default | meaning |\n|---|---|---|\n");
}

fn row(page: &mut String, key: &CommentedKey) {
    let holds = key.default.is_empty();
    if holds && key.meaning.is_empty() && (key.about.is_empty() || !key.path.contains('.')) {
        return;
    }
    let above = if key.path.contains('.') { key.about.join(" ") } else { String::new() };
    let meaning =
        [above, key.meaning.clone()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("  ");
    let default = if holds { String::new() } else { format!("`{}`", key.default) };
    let _ = writeln!(page, "| `{}` | {default} | {} |", key.path, cell(&meaning));
}
