//! When sending was stopped and went on, by whom and why, and who was taken out.

use super::super::pauses::{self, Passed, Pause, Withdrawal};
use super::super::words;
use super::{Block, Cell, Report, Row, Section, Table, row, sum};
use crate::cli::say::{Text, say};
use crate::cli::state_reason;
use crate::japan;

pub(super) fn section(report: &Report) -> Section {
    let events = &report.rows.events;
    let (pauses, withdrawals) = (pauses::pauses(events), pauses::withdrawals(events));
    let mut blocks: Vec<Block> = pauses::passed(events).iter().map(canary).collect();
    blocks.push(if pauses.is_empty() {
        Block::Text(say!(ja: "一時停止したことはありません。", en: "It was never paused."))
    } else {
        Block::Table(Table { head: head(), rows: pauses.iter().map(pause).collect() })
    });
    if !withdrawals.is_empty() {
        blocks.push(Block::Table(withdrawn(&withdrawals)));
    }
    Section { title: say!(ja: "停止と再開", en: "Pauses and resumptions"), blocks }
}

fn canary(passed: &Passed) -> Block {
    let Passed { at, good, failed, waiting } = *passed;
    let (at, size) = (japan::short(at), good + failed + waiting);
    Block::Text(say!(
        ja: "試し送り {size} 通(受付 {good}、失敗 {failed}、結果待ち {waiting})に問題がないことを {at} に確かめ、残りの送信に進みました。",
        en: "The first {size} mails ({good} accepted, {failed} failed, {waiting} not known yet) were found well at {at}, and the others followed."
    ))
}

fn head() -> Vec<Text> {
    vec![say!(ja: "停止", en: "Paused"), say!(ja: "再開・終了", en: "until"), say!(ja: "理由", en: "why")]
}

fn pause(pause: &Pause<'_>) -> Row {
    let why = pause.reason.as_deref().map_or_else(no_reason, state_reason::words);
    row([when(pause.at, pause.by).into(), end(pause).into(), why.into()])
}

fn end(pause: &Pause<'_>) -> Text {
    let Some(end) = pause.end else { return say!(ja: "停止中", en: "still paused") };
    let Text { ja, en } = when(end.at, &end.actor);
    match end.kind.as_str() {
        "withdrawn" => say!(ja: "{ja}が取り下げ", en: "{en}: withdrawn"),
        _ => say!(ja: "{ja}が再開", en: "{en}: resumed"),
    }
}

fn when(at: i64, by: &str) -> Text {
    let at = japan::short(at);
    say!(ja: "{at}、{by}", en: "{at} by {by}")
}

fn no_reason() -> Text {
    say!(ja: "(理由の記録なし)", en: "(no reason recorded)")
}

fn withdrawn(withdrawals: &[Withdrawal<'_>]) -> Table {
    let head = vec![say!(ja: "取り下げ", en: "Taken out"), say!(ja: "理由", en: "why"), say!(ja: "人数", en: "people")];
    let one = |one: &Withdrawal<'_>| {
        let why = one.reason.as_deref().map_or_else(|| words::reason(Some("-"), None), Text::same);
        row([when(one.at, one.by).into(), why.into(), one.members.into()])
    };
    let mut rows: Vec<Row> = withdrawals.iter().map(one).collect();
    let all = withdrawals.iter().map(|one| one.members).sum::<i64>();
    rows.push(sum([say!(ja: "計", en: "All").into(), Cell::same(""), all.into()]));
    Table { head, rows }
}
