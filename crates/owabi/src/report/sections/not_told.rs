//! Who was not told by mail, why, and what was done instead.

use super::super::{chart, words};
use super::{Block, Cell, Report, Row, Section, Table, part, row, sum};
use crate::cli::say::{Text, say};
use owabi_core::lifecycle::Status;
use std::collections::BTreeMap;

/// In the order in which they are listed.
const NOT_TOLD: [Status; 8] = [
    Status::Failed,
    Status::Bounced,
    Status::Unreachable,
    Status::InDoubt,
    Status::Withdrawn,
    Status::Held,
    Status::Queued,
    Status::Sending,
];

pub(super) fn section(report: &Report) -> Section {
    let not_told: i64 = NOT_TOLD.iter().map(|status| report.figures.count(*status)).sum();
    let title = say!(ja: "メールで通知していない人", en: "Who was not told by mail");
    if not_told == 0 {
        let nobody = say!(ja: "該当する人はいません。", en: "Nobody.");
        return Section { title, blocks: vec![Block::Text(nobody)] };
    }
    let mut blocks = vec![Block::Table(table(report, not_told))];
    let reasons = of_failures(report);
    if let Some(svg) = chart::reasons(&reasons) {
        let caption = say!(ja: "届かなかった理由(送信失敗・不達・宛先なし)", en: "Why mail did not reach them (failed, bounced, unreachable)");
        blocks.push(Block::Chart(caption, svg));
    }
    blocks.push(instead(report));
    Section { title, blocks }
}

fn table(report: &Report, not_told: i64) -> Table {
    let head = vec![say!(ja: "状況と理由", en: "Status and reason"), say!(ja: "人数", en: "people")];
    let mut rows: Vec<Row> = Vec::new();
    for status in NOT_TOLD.into_iter().filter(|status| report.figures.count(*status) > 0) {
        rows.push(super::counted(words::status(status), report.figures.count(status)));
        let reasons = reasons(report, &[status]);
        let waits = matches!(status, Status::Held | Status::Queued | Status::Sending) && reasons.len() == 1;
        rows.extend(reasons.into_iter().filter(|_| !waits).map(|(why, count)| part([why.into(), count.into()])));
    }
    rows.push(sum([say!(ja: "メールで通知していない人", en: "Not told by mail").into(), not_told.into()]));
    Table { head, rows }
}

/// The reasons of those statuses, most frequent first.
fn reasons(report: &Report, of: &[Status]) -> Vec<(Text, i64)> {
    let given = report.rows.notice.state_reason.as_deref();
    let mut counts: BTreeMap<String, (Text, i64)> = BTreeMap::new();
    for row in report.rows.members.iter().filter(|row| of.contains(&row.status)) {
        let text = words::reason(row.reason.as_deref(), given);
        counts.entry(text.ja.clone()).or_insert_with(|| (text, 0)).1 += row.count;
    }
    let mut reasons: Vec<_> = counts.into_values().collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.1));
    reasons
}

fn of_failures(report: &Report) -> Vec<(Text, i64)> {
    reasons(report, &[Status::Failed, Status::Bounced, Status::Unreachable])
}

/// What was done instead, by status and way; nobody is in a row twice.
fn instead(report: &Report) -> Block {
    let told = [Status::Accepted, Status::Delivered];
    let there = report.rows.substitutes.iter().filter(|row| !told.contains(&row.status));
    let mut rows: Vec<Row> = Vec::new();
    for status in NOT_TOLD {
        let of_it: Vec<_> = there.clone().filter(|row| row.status == status).collect();
        let Some(all) = of_it.iter().find(|row| row.kind.is_empty()) else { continue };
        rows.push(row([words::status(status).into(), all.count.into()]));
        let ways = of_it.iter().filter(|row| !row.kind.is_empty());
        rows.extend(ways.map(|row| part([words::way(&row.kind).into(), Cell::from(row.count)])));
    }
    if rows.is_empty() {
        return Block::Text(
            say!(ja: "メールの代わりにとった措置の記録はありません。", en: "Nothing is recorded that was done instead of a mail."),
        );
    }
    rows.push(sum([
        say!(ja: "そのほかの方法で通知した人", en: "Told in other ways").into(),
        report.figures.notified.otherwise.into(),
    ]));
    let head =
        vec![say!(ja: "メールの代わりにとった措置", en: "Done instead of a mail"), say!(ja: "人数", en: "people")];
    Block::Table(Table { head, rows })
}
