//! What the reader of YAML and the system say, in Japanese: their sentences have few forms. What has another form is shown as it is.

use crate::cli::say::{Text, say};
use std::io;

/// So much of a value is quoted, in characters.
const MOST_QUOTED: usize = 40;

/// The file cannot be read.
pub(super) fn unreadable(error: &io::Error) -> Text {
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

/// What is wrong with the YAML itself.
pub(super) fn of_syntax(said: &str) -> Text {
    let said = &shortened(said);
    let ja = japanese(said).unwrap_or_else(|| format!("YAML として読めません({said})。"));
    Text { ja, en: said.clone() }
}

/// What is wrong with a value.
pub(super) fn of_reader(said: &str) -> Text {
    let said = &shortened(said);
    let ja = japanese(said).unwrap_or_else(|| format!("この値は使えません({said})。"));
    Text { ja, en: said.clone() }
}

/// What is quoted, cut at [`MOST_QUOTED`] characters: who names a roster as the configuration is not shown its members.
fn shortened(said: &str) -> String {
    let (mut kept, mut quote, mut length, mut escaped) = (String::new(), None, 0, false);
    for c in said.chars() {
        let ends = quote == Some(c) && !escaped;
        escaped = quote.is_some() && c == '\\' && !escaped;
        match quote {
            None if matches!(c, '"' | '`') => (quote, length) = (Some(c), 0),
            Some(_) if ends => quote = None,
            _ => length += 1,
        }
        if quote.is_none() || length <= MOST_QUOTED {
            kept.push(c);
        } else if length == MOST_QUOTED + 1 {
            kept.push('…');
        }
    }
    kept
}

fn japanese(said: &str) -> Option<String> {
    if let Some((name, known)) = split(said, "unknown field `", "`, ") {
        return Some(format!("{name} というキーはありません。{}", listed(known)));
    }
    if let Some((name, known)) = split(said, "unknown variant `", "`, ") {
        return Some(format!("{name} は指定できません。{}", listed(known)));
    }
    if let Some((name, "")) = split(said, "missing field `", "`") {
        return Some(format!("{name} がありません。"));
    }
    if let Some((name, _)) = split(said, "duplicate entry with key \"", "\"").or(split(said, "duplicate field `", "`"))
    {
        return Some(format!("{name} が二度書かれています。"));
    }
    if let Some((text, _)) = split(said, "\"", "\" is not a duration") {
        return Some(format!(
            "「{text}」は期間ではありません。250ms、30s、5m、4h、5d、1h30m のように、数と単位で書いてください。"
        ));
    }
    let (found, expected) =
        split(said, "invalid type: ", ", expected ").or(split(said, "invalid value: ", ", expected "))?;
    Some(format!("{}を書いてください(書かれているのは {})。", wanted(expected), sort(found)))
}

/// What stands between `start` and the next `end`, and what follows.
fn split<'a>(said: &'a str, start: &str, end: &str) -> Option<(&'a str, &'a str)> {
    said.strip_prefix(start)?.split_once(end)
}

/// The names that there are: serde lists them in backquotes.
fn listed(known: &str) -> String {
    let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    if names.is_empty() { String::new() } else { format!("指定できるもの: {}", names.join("、")) }
}

fn wanted(expected: &str) -> String {
    let known = match expected {
        "u8" => "0 から 255 までの整数",
        "u16" => "0 から 65535 までの整数",
        "u32" => "0 から 4294967295 までの整数",
        "u64" | "usize" => "0 以上の整数",
        "i8" | "i16" | "i32" | "i64" | "isize" => "整数",
        "f32" | "f64" => "数",
        "a string" | "string" => "文字列",
        "a boolean" => "true か false ",
        "a sequence" => "リスト",
        "a map" => "キーと値の組",
        "path string" => "ファイルの名前",
        _ if expected.starts_with("struct ") => "キーと値の組",
        _ if expected.starts_with("a duration") => "期間(30s、5m、4h、5d など)",
        other => other,
    };
    known.to_owned()
}

fn sort(found: &str) -> String {
    for (english, ja) in [("string ", "文字列 "), ("integer ", "整数 "), ("floating point ", "小数 "), ("boolean ", "")]
    {
        if let Some(value) = found.strip_prefix(english) {
            return format!("{ja}{}", value.replace('`', ""));
        }
    }
    match found {
        "sequence" => "リスト",
        "map" => "キーと値の組",
        "unit value" | "null" => "空の値",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn what_is_quoted_is_cut_so_that_a_roster_named_by_mistake_is_not_shown() {
        let roster = format!("会員番号,氏名\\n{}", "41,甲野 \\\"太郎\\\"\\n".repeat(20));
        let Text { ja, en } = of_reader(&format!("invalid type: string \"{roster}\", expected struct Config"));
        assert!(
            ja.starts_with("キーと値の組を書いてください(書かれているのは 文字列 \"会員番号,")
                && ja.ends_with("…\")。"),
            "{ja}"
        );
        assert!(en.ends_with("…\", expected struct Config") && en.chars().count() < 100, "{en}");
        assert!(of_syntax(&format!("no end: \"{roster}")).ja.chars().count() < 80);
        assert_eq!(shortened("unknown field `a`, expected `b` or \"c\""), "unknown field `a`, expected `b` or \"c\"");
    }

    #[test]
    fn a_form_that_is_not_known_stays_as_it_was_said() {
        assert_eq!(of_reader("something new").ja, "この値は使えません(something new)。");
        assert_eq!(of_syntax("something new").en, "something new");
        assert_eq!(wanted("any colour"), "any colour");
    }
}
