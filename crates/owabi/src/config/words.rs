//! What the system says of a file, in Japanese.

use crate::cli::say::{Text, say};
use std::io;

/// The file cannot be read.
pub(crate) fn unreadable(error: &io::Error) -> Text {
    let why = io_error(error);
    say!(ja: "読めません({why})。", en: "cannot be read: {error}")
}

/// The system's commonest words in Japanese.
pub(crate) fn io_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "ファイルまたはフォルダーがありません".to_owned(),
        io::ErrorKind::PermissionDenied => "権限がありません".to_owned(),
        io::ErrorKind::IsADirectory => "フォルダーです".to_owned(),
        io::ErrorKind::InvalidData => "UTF-8 ではありません".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment};
    use std::path::Path;

    /// A configuration with one mistake, in Japanese.
    fn said(more: &str) -> String {
        let start = "smtp:\n  relays: [{ name: main, host: localhost }]\n  bounce: { address: bounces@example.jp }\n";
        let text = format!("{start}{more}\n");
        Config::read(Path::new("/site/owabi.yaml"), &text, &Environment::default()).unwrap_err().text().ja
    }

    #[test]
    fn the_commonest_mistakes_are_said_in_japanese_with_place_and_key() {
        for (more, wanted) in [
            (
                "colour: red",
                "/site/owabi.yaml:4:9: colour: colour というキーはありません。指定できるもの: database、notices、",
            ),
            ("language: fr", "language: fr は指定できません。指定できるもの: ja、en"),
            (
                "dispatch: { claim: many }",
                "dispatch.claim: 0 から 4294967295 までの整数を書いてください(書かれているのは 文字列 \"many\")。",
            ),
            (
                "dispatch: { claim: -1 }",
                "dispatch.claim: 0 から 4294967295 までの整数を書いてください(書かれているのは 整数 -1)。",
            ),
            ("dispatch: { claim: 0 }", "dispatch.claim: 1 以上にしてください。"),
            (
                "dispatch: { lease: 10 }",
                "dispatch.lease: 期間(30s、5m、4h、5d など)を書いてください(書かれているのは 整数 10)。",
            ),
            ("dispatch: { lease: 10w }", "dispatch.lease: 「10w」は期間ではありません。250ms、"),
            ("alerts: { mail: [nobody] }", "alerts.mail[0]: メールアドレスではありません。"),
            ("database: { url: 'mysql:x' }", "database.url: 対応していない形式です。\n  sqlite:ファイル か"),
            ("health: { listen: here }", "health.listen: IP アドレスとポートの形になっていません。"),
            ("notices: []", "notices: キーと値の組を書いてください(書かれているのは リスト)。"),
            ("log: { level: loud=x }", "log.level: ログレベルとして使えません(loud=x)。"),
            ("dispatch: { lease: 1s }", "最後のドットは、応答を待つ間にリース(lease)が切れないときにだけ送ります。"),
            ("smtp: {}", "smtp が二度書かれています。"),
            ("a: [", "YAML として読めません("),
        ] {
            let said = said(more);
            assert!(said.contains(wanted), "{more}: {said}");
        }
        let none = Config::load(Some(Path::new("/nowhere/owabi.yaml")), &Environment::default()).unwrap_err().text().ja;
        assert!(
            none.starts_with("/nowhere/owabi.yaml: このファイルはありません(--config で指定)。\n  `owabi init"),
            "{none}"
        );
    }
}
