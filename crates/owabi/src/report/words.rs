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
    let said = reason::words(word);
    if said.ja != word {
        return said;
    }
    match word.split_once(':') {
        Some(("render_failed", _)) => say!(ja: "メールを作成できない", en: "the mail could not be written"),
        Some(("unreadable_row", _)) => say!(ja: "データの行を読めない", en: "the row could not be read"),
        _ => say!(ja: "個別の理由(記録を参照)", en: "an individual reason (see the log)"),
    }
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
pub(super) fn selection(json: Option<&str>) -> String {
    let value = json.and_then(|text| serde_json::from_str::<Value>(text).ok());
    match value {
        Some(Value::Object(parts)) => {
            let said = parts.iter().filter(|(_, value)| !is_empty(value)).map(|(key, value)| {
                if key == "member" { "members: 1".to_owned() } else { format!("{key}: {}", part(value)) }
            });
            said.collect::<Vec<_>>().join("; ")
        }
        Some(other) => part(&other),
        None => "-".to_owned(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn part(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains('@') => "…".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(many) if many.len() > 8 => format!("[{}]", many.len()),
        Value::Array(some) => some.iter().map(part).collect::<Vec<_>>().join(", "),
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
        assert_eq!(
            selection(Some(r#"{"status":["failed"],"to":"a@example.jp","domain":null}"#)),
            "status: failed; to: …"
        );
        assert_eq!(selection(Some(r#"{"member":"10001"}"#)), "members: 1");
    }
}
