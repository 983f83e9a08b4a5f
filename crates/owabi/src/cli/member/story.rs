//! Everything that happened to one person's notice in one time line.

use super::person::Person;
use crate::cli::diagnosis;
use crate::cli::say::{Text, say};
use crate::cli::substitute::line;
use crate::japan;
use owabi_store::{CorrectionRow, LogRow, ReceiptRow, ResendRow, SubstituteRow};

/// The time line, oldest first.
pub(super) fn lines(person: &Person) -> Vec<Text> {
    let attempts = person.attempts.iter().map(|row| (row.at, attempt(row)));
    let receipts = person.receipts.iter().map(|row| (row.at, receipt(row, person.standing.email.as_deref())));
    let resends = person.resends.iter().map(|row| (row.at, resend(row)));
    let corrections = person.corrections.iter().map(|row| (row.at, correction(row)));
    let substitutes = person.substitutes.iter().map(|row| (row.at, substitute(row)));
    let ours = corrections.chain(resends).chain(substitutes);
    let mut entries: Vec<(i64, Text)> = attempts.chain(receipts).chain(ours).collect();
    // An attempt and a receipt of the same moment: first the mail, then what came of it.
    entries.sort_by_key(|entry| entry.0);
    entries.into_iter().map(|(_, text)| text).collect()
}

fn attempt(row: &LogRow) -> Text {
    let (at, n) = (japan::short(row.at), row.attempt);
    let relay = row.relay.as_deref().unwrap_or("-");
    let outcome = outcome(row.outcome.as_deref());
    let (ja, en) = (outcome.ja, outcome.en);
    let twice = row.possible_duplicate;
    let flag = if twice { say!(ja: " [重複の可能性]", en: " [possible duplicate]") } else { Text::same("") };
    let (flag_ja, flag_en) = (flag.ja, flag.en);
    let code = row.code.map(|code| code.to_string());
    let said = row.reply.as_deref().or(row.reason.as_deref());
    let said = spaced(&diagnosis::words(code.as_deref(), row.enhanced.as_deref(), said));
    say!(
        ja: "{at}  送信 {n}  {relay}  {ja}{said}{flag_ja}",
        en: "{at}  attempt {n}  {relay}  {en}{said}{flag_en}"
    )
}

/// An attempt's word; `None` while there is no outcome.
pub(in crate::cli) fn outcome(word: Option<&str>) -> Text {
    match word {
        Some("accepted") => say!(ja: "受付", en: "accepted"),
        Some("deferred") => say!(ja: "延期", en: "deferred"),
        Some("failed") => say!(ja: "失敗", en: "failed"),
        Some("in_doubt") => say!(ja: "結果不明", en: "in doubt"),
        Some("not_sent") => say!(ja: "未送信", en: "not sent"),
        Some(other) => Text::same(other),
        None => say!(ja: "送信中", en: "under way"),
    }
}

fn resend(row: &ResendRow) -> Text {
    let ResendRow { round, status_before, batch, actor, .. } = row;
    let (at, reason) = (japan::short(row.at), row.reason.as_deref().unwrap_or_default());
    say!(
        ja: "{at}  再送 {round} 回目({status_before} から)  {actor}: {reason} [バッチ {batch}]",
        en: "{at}  resend, round {round} (was {status_before})  {actor}: {reason} [batch {batch}]"
    )
}

fn correction(row: &CorrectionRow) -> Text {
    let CorrectionRow { actor, reason, new_email, .. } = row;
    let (at, old) = (japan::short(row.at), row.old_email.as_deref().unwrap_or("-"));
    say!(
        ja: "{at}  訂正  {old} → {new_email}  {actor}: {reason}",
        en: "{at}  correction  {old} -> {new_email}  {actor}: {reason}"
    )
}

fn substitute(row: &SubstituteRow) -> Text {
    let at = japan::short(row.at);
    let Text { ja, en } = line(row);
    let (ja, en) = (ja.trim_start(), en.trim_start());
    say!(ja: "{at}  代わりの対応 {ja}", en: "{at}  instead {en}")
}

/// What a person decided; the words are theirs.
fn decision(row: &ReceiptRow) -> Text {
    let (at, detail) = (japan::short(row.at), row.detail.as_deref().unwrap_or_default());
    let (before, after) = (&row.status_before, &row.status_after);
    let Text { ja, en } = match row.reason.as_deref() {
        Some("letter_owed") => say!(ja: "書面にする", en: "a letter"),
        Some("send_again") => say!(ja: "送り直す", en: "send again"),
        _ => say!(ja: "受け付けられたものとする", en: "accepted"),
    };
    say!(ja: "{at}  判断  {ja}: {detail} ({before} → {after})", en: "{at}  decision  {en}: {detail} ({before} → {after})")
}

fn receipt(row: &ReceiptRow, email: Option<&str>) -> Text {
    if row.source == "person" {
        return decision(row);
    }
    let (at, source, matched_by) = (japan::short(row.at), &row.source, &row.matched_by);
    let says = says(&row.says);
    let (ja, en) = (says.ja, says.en);
    let other = row.recipient.as_deref().filter(|recipient| Some(*recipient) != email).map(|to| format!("<{to}>"));
    let words = [other.as_deref(), row.status.as_deref(), row.reason.as_deref(), row.detail.as_deref()];
    let said = spaced(&words.into_iter().flatten().collect::<Vec<_>>());
    let (before, after) = (&row.status_before, &row.status_after);
    let became = if before == after { String::new() } else { format!(" ({before} → {after})") };
    let dated = row.reported_at.map(japan::short);
    let (dated_ja, dated_en) = dated.map(|day| (format!("、発信 {day}"), format!(", dated {day}"))).unwrap_or_default();
    say!(
        ja: "{at}  知らせ  {source}  {ja}{said}{became} [照合: {matched_by}{dated_ja}]",
        en: "{at}  receipt  {source}  {en}{said}{became} [by {matched_by}{dated_en}]"
    )
}

fn says(word: &str) -> Text {
    match word {
        "delivered" => say!(ja: "配達", en: "delivered"),
        "relayed" => say!(ja: "次のサーバーへ引き渡し", en: "handed on"),
        "failed" => say!(ja: "不達", en: "failed"),
        "delayed" => say!(ja: "遅延", en: "delayed"),
        "taken" => say!(ja: "中継サーバーが受付", en: "taken by the relay"),
        other => Text::same(other),
    }
}

/// The words that there are, each led by blanks.
fn spaced(words: &[&str]) -> String {
    words.iter().filter(|word| !word.is_empty()).fold(String::new(), |line, word| line + "  " + word)
}
