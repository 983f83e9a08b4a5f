//! What serde and the reader of YAML say, in both languages: their sentences have few forms. What has another form is shown as it is.

use crate::text::{Text, say};

/// So much of a value is quoted, in characters.
const MOST_QUOTED: usize = 40;

/// Between English and Japanese, since an error of serde carries one string (ASCII's unit separator).
const THEN_JAPANESE: &str = "\u{1f}";

/// What a type of ours says of a value, for `Error::custom` and `Visitor::expecting`: [`of_value`] takes it apart again.
pub(crate) fn both(Text { ja, en }: &Text) -> String {
    let whole = |text: &str| text.replace(THEN_JAPANESE, " ");
    format!("{}{THEN_JAPANESE}{}", whole(en), whole(ja))
}

/// What is wrong with the YAML itself.
pub(super) fn of_syntax(said: &str) -> Text {
    let said = &shortened(said);
    known(said)
        .or_else(|| of_the_form(said))
        .unwrap_or_else(|| say!(ja: "YAML として読めません({said})。", en: "{said}"))
}

/// The same in a line that is indented with a tab.
pub(super) fn of_a_tab(said: &str) -> Text {
    let said = shortened(said);
    say!(
        ja: "この行の字下げはタブです。YAML の字下げは空白にしてください({said})。",
        en: "{said} (the line is indented with a tab; YAML wants spaces)"
    )
}

/// What is wrong with a value.
pub(super) fn of_value(said: &str) -> Text {
    let said = &shortened(said);
    known(said).unwrap_or_else(|| say!(ja: "この値は使えません({said})。", en: "{said}"))
}

/// What is quoted, cut at [`MOST_QUOTED`] characters: who names a roster as the configuration is not shown its members.
fn shortened(said: &str) -> String {
    let (mut kept, mut quote, mut length, mut escaped) = (String::new(), None, 0, false);
    for c in said.chars() {
        let ends = quote == Some(c) && !escaped;
        escaped = quote.is_some() && c == '\\' && !escaped;
        match (quote, c) {
            (None, '"' | '`') => (quote, length) = (Some(c), 0),
            (None, '「') => (quote, length) = (Some('」'), 0),
            (Some(_), _) if ends => quote = None,
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

/// The forms that serde has, and what our own types say.
fn known(said: &str) -> Option<Text> {
    if let Some((found, expected)) = not_expected(said) {
        let wanted = twofold(expected).unwrap_or_else(|| Text { ja: wanted(expected), en: expected.to_owned() });
        let en = said.split(THEN_JAPANESE).next().unwrap_or(said).to_owned();
        return Some(Text {
            ja: format!("{}を書いてください(書かれているのは {})。", wanted.ja, sort(found)), en
        });
    }
    twofold(said).or_else(|| of_a_key(said).map(|ja| Text { ja, en: said.to_owned() }))
}

fn twofold(said: &str) -> Option<Text> {
    let (en, ja) = said.split_once(THEN_JAPANESE)?;
    Some(Text { ja: ja.to_owned(), en: en.to_owned() })
}

fn not_expected(said: &str) -> Option<(&str, &str)> {
    split(said, "invalid type: ", ", expected ").or(split(said, "invalid value: ", ", expected "))
}

fn of_a_key(said: &str) -> Option<String> {
    if let Some((name, known)) = split(said, "unknown field `", "`, ") {
        return Some(format!("{name} というキーはありません。{}", listed(known)));
    }
    if let Some((name, known)) = split(said, "unknown variant `", "`, ") {
        return Some(format!("{name} は指定できません。{}", listed(known)));
    }
    if let Some((name, "")) = split(said, "missing field `", "`") {
        return Some(format!("{name} がありません。"));
    }
    let (name, _) = split(said, "duplicate entry with key \"", "\"").or(split(said, "duplicate field `", "`"))?;
    Some(format!("{name} が二度書かれています。"))
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
        "a YAML tag starting with '!'" => "決められた語のどれか",
        _ if expected.starts_with("struct ") => "キーと値の組",
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

/// The commonest faults of YAML's form (libyaml's words), and what to do about each.
fn of_the_form(said: &str) -> Option<Text> {
    let Text { ja, en } = remedy(said)?;
    let begun = said.rsplit_once(", while ").and_then(|(_, context)| context.rsplit_once(" at line "));
    let begun = begun.and_then(|(_, place)| place.split_once(" column "));
    let begun = begun.map(|(line, column)| format!("始まりは {line} 行 {column} 桁です。"));
    Some(Text { ja: ja + &begun.unwrap_or_default(), en: format!("{said}; {en}") })
}

fn remedy(said: &str) -> Option<Text> {
    let starts = |form: &str| said.starts_with(form);
    Some(if starts("mapping values are not allowed in this context") {
        say!(
            ja: "ここに「キー: 値」は書けません。字下げをそろえ、「: 」を含む値は引用符で囲んでください。",
            en: "line up the keys, and put a value that holds \": \" in quotes"
        )
    } else if starts("did not find expected key") {
        say!(
            ja: "キーがあるはずのところに、ほかのものがあります。字下げをそろえ、閉じた引用符の後に何も書かないでください。",
            en: "line up the keys, and write nothing behind a closing quote"
        )
    } else if starts("did not find expected '-' indicator") {
        say!(
            ja: "リストの次の「-」があるはずのところに、ほかのものがあります。字下げをそろえてください。",
            en: "line up the items of the list"
        )
    } else if starts("did not find expected ',' or") {
        say!(
            ja: "[ ] や {{ }} の中が「,」で区切られていないか、閉じられていません。",
            en: "separate what stands in [ ] or {{ }} by commas, and close it"
        )
    } else if starts("could not find expected ':'") {
        say!(ja: "キーの後に「:」がありません。「キー: 値」の形で書いてください。", en: "write `key: value`")
    } else if starts("found character that cannot start any token") {
        say!(
            ja: "値をこの文字で始めることはできません。引用符で囲んでください。",
            en: "put the value in quotes"
        )
    } else if starts("found unexpected end of stream") {
        say!(ja: "引用符が閉じられていません。", en: "close the quotes")
    } else if starts("found unknown escape character") {
        say!(
            ja: "\" \" の中で「\\」の後に書けない文字があります。「\\」を含む値は ' ' で囲んでください。",
            en: "put a value that holds \\ in single quotes"
        )
    } else if starts("unknown anchor") {
        say!(ja: "値を「*」で始めることはできません。引用符で囲んでください。", en: "put a value that begins with * in quotes")
    } else if starts("deserializing from YAML containing more than one document") {
        say!(ja: "一つのファイルに二つ以上の文書があります。「---」の行を取り除いてください。", en: "take the line --- away")
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_cut_so_that_a_roster_named_by_mistake_is_not_shown() {
        let roster = format!("会員番号,氏名\\n{}", "41,甲野 \\\"太郎\\\"\\n".repeat(20));
        let Text { ja, en } = of_value(&format!("invalid type: string \"{roster}\", expected struct Config"));
        assert!(
            ja.starts_with("キーと値の組を書いてください(書かれているのは 文字列 \"会員番号,")
                && ja.ends_with("…\")。"),
            "{ja}"
        );
        assert!(en.ends_with("…\", expected struct Config") && en.chars().count() < 100, "{en}");
        assert!(of_syntax(&format!("no end: \"{roster}")).ja.chars().count() < 80);
        assert_eq!(shortened("unknown field `a`, expected `b` or \"c\""), "unknown field `a`, expected `b` or \"c\"");
        let said = both(&say!(ja: "「{roster}」は日付ではありません。", en: "`{roster}` is no day"));
        let Text { ja, en } = of_value(&said);
        assert!(ja.ends_with("…」は日付ではありません。") && ja.chars().count() < 60, "{ja}");
        assert!(en.ends_with("…` is no day") && en.chars().count() < 60, "{en}");
    }

    #[test]
    fn a_form_that_is_not_known_stays_as_it_was_said() {
        assert_eq!(of_value("something new").ja, "この値は使えません(something new)。");
        assert_eq!(of_syntax("something new").en, "something new");
        assert_eq!(wanted("any colour"), "any colour");
    }

    #[test]
    fn what_a_type_says_arrives_in_both_languages_alone_or_as_what_was_expected() {
        let text = say!(ja: "色", en: "a colour");
        assert_eq!(of_value(&both(&text)), text);
        let Text { ja, en } = of_value(&format!("invalid type: sequence, expected {}", both(&text)));
        assert_eq!(ja, "色を書いてください(書かれているのは リスト)。");
        assert_eq!(en, "invalid type: sequence, expected a colour");
        assert_eq!(of_value(&both(&Text::same("a\u{1f}b"))), Text::same("a b"));
    }
}
