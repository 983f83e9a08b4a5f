//! How statuses, reasons, numbers and selections are said in a report. What a person wrote about a person is not repeated.

use crate::cli::reason;
use crate::cli::say::{Text, say};
use crate::cli::status::label;
use owabi_core::lifecycle::Status;
use serde_json::Value;

/// A status.
pub(super) fn status(status: Status) -> Text {
    Text { ja: label(status).to_owned(), en: status.as_str().replace('_', " ") }
}

/// A reason in words of ours, or the reason that was given for the whole notice; anybody else's words may name a person.
pub(super) fn reason(word: Option<&str>, of_the_notice: Option<&str>) -> Text {
    let Some(word) = word.filter(|word| !word.is_empty()) else {
        return say!(ja: "(理由の記録なし)", en: "(no reason recorded)");
    };
    if Some(word) == of_the_notice {
        return Text::same(word);
    }
    if is_ours(word) {
        return reason::words(word);
    }
    match word.split_once(':') {
        Some(("render_failed", _)) => say!(ja: "メールを作成できない", en: "the mail could not be written"),
        Some(("unreadable_row", _)) => say!(ja: "データの行を読めない", en: "the row could not be read"),
        _ => say!(ja: "個別の理由(記録を参照)", en: "an individual reason (see the log)"),
    }
}

/// Whether a reason is one of the words that queue and log have for it.
pub(super) fn is_ours(word: &str) -> bool {
    reason::words(word).ja != word
}

/// A way of telling somebody that is no mail.
pub(super) fn way(kind: &str) -> Text {
    match kind {
        "letter" => say!(ja: "書面の郵送", en: "letter"),
        "telephone" => say!(ja: "電話", en: "telephone"),
        "visit" => say!(ja: "訪問", en: "visit"),
        _ => say!(ja: "そのほかの方法", en: "other means"),
    }
}

/// `12,345`.
pub(super) fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = if n < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `97.5`, never rounded up to 100 or down to 0.
pub(super) fn percent(part: i64, whole: i64) -> String {
    if whole == 0 {
        return "0.0".to_owned();
    }
    let tenths = i128::from(part) * 1_000 / i128::from(whole);
    if tenths == 0 && part > 0 { "<0.1".to_owned() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

/// Whom a resend was for. A list is counted, and an address not repeated.
pub(super) fn selection(json: Option<&str>) -> Text {
    let Some(value) = json.and_then(|text| serde_json::from_str::<Value>(text).ok()) else { return Text::same("-") };
    let Value::Object(parts) = &value else { return Text::same(part(&value, str::to_owned)) };
    let said = parts.iter().filter(|(_, value)| !is_empty(value)).map(|(key, value)| {
        let Text { ja, en } = label_of(key);
        if key == "member" {
            return say!(ja: "{ja}: 1", en: "{en}: 1");
        }
        let (value_ja, value_en) = (part(value, |word| word_ja(key, word)), part(value, str::to_owned));
        say!(ja: "{ja}: {value_ja}", en: "{en}: {value_en}")
    });
    let (ja, en): (Vec<String>, Vec<String>) = said.map(|text| (text.ja, text.en)).unzip();
    Text { ja: ja.join("、"), en: en.join("; ") }
}

fn label_of(key: &str) -> Text {
    match key {
        "status" => say!(ja: "状況", en: "status"),
        "domain" => say!(ja: "ドメイン", en: "domain"),
        "cohort" => say!(ja: "対象区分", en: "cohort"),
        "reason_code" => say!(ja: "理由", en: "reason"),
        "since" => say!(ja: "いつから", en: "since"),
        "until" => say!(ja: "いつまで", en: "until"),
        "member" => say!(ja: "会員番号の指定", en: "members"),
        "list" => say!(ja: "一覧", en: "list"),
        other => Text::same(other),
    }
}

fn word_ja(key: &str, word: &str) -> String {
    match key {
        "status" => word.parse().map_or_else(|_| word.to_owned(), |of: Status| label(of).to_owned()),
        "reason_code" => reason::words(word).ja,
        _ => word.to_owned(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn part(value: &Value, said: impl Fn(&str) -> String + Copy) -> String {
    match value {
        Value::String(text) if text.contains('@') => "…".to_owned(),
        Value::String(text) => said(text),
        Value::Array(many) if many.len() > 8 => format!("[{}]", many.len()),
        Value::Array(some) => some.iter().map(|one| part(one, said)).collect::<Vec<_>>().join(", "),
        Value::Object(_) => "…".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shares_are_never_better_than_they_are() {
        assert_eq!([0, 999, 1_000, 1_234_567, -1_000].map(number), ["0", "999", "1,000", "1,234,567", "-1,000"]);
        assert_eq!(percent(999_999, 1_000_000), "99.9");
        assert_eq!([percent(1, 1_000_000), percent(0, 0), percent(5, 5)], ["<0.1", "0.0", "100.0"]);
    }

    #[test]
    fn what_a_person_wrote_about_a_person_is_not_repeated() {
        assert_eq!(reason(Some("山田様のご希望"), None).ja, "個別の理由(記録を参照)");
        assert_eq!(reason(Some("文面の誤り"), Some("文面の誤り")).en, "文面の誤り");
        assert_eq!(reason(Some("mailbox_full"), None).en, "the mailbox is full");
        let Text { ja, en } = selection(Some(r#"{"status":["failed"],"to":"a@example.jp","domain":null}"#));
        assert_eq!((ja.as_str(), en.as_str()), ("状況: 送信失敗、to: …", "status: failed; to: …"));
        assert_eq!(selection(Some(r#"{"member":"10001"}"#)).en, "members: 1");
    }
}
