//! The two figures that the final report to the authority asks for.

use super::super::words::number;
use super::{Block, Cell, Report, Section, Table, counted, part, row, sum};
use crate::cli::say::{Text, say};
use crate::report::words::way;
use owabi_core::lifecycle::Status;
use std::collections::BTreeMap;

pub(super) fn section(report: &Report) -> Section {
    Section {
        title: say!(
            ja: "漏えい等報告(確報)のための数字",
            en: "Figures for the final report to the authority"
        ),
        blocks: vec![
            Block::Text(say!(
                ja: "個人情報保護委員会への漏えい等報告(確報)の「本人への対応の実施状況」と「公表の実施状況」に対応する数字です。",
                en: "For the items \"state of response to the principals\" and \"state of publication\" of the final report to the Personal Information Protection Commission."
            )),
            Block::Table(people(report)),
            Block::Table(publication(report)),
        ],
    }
}

fn people(report: &Report) -> Table {
    let notified = report.figures.notified;
    let mut rows = vec![counted(say!(ja: "メールで通知した人", en: "Notified by mail"), notified.by_mail)];
    rows.push(counted(say!(ja: "そのほかの方法で通知した人", en: "Notified in other ways"), notified.otherwise));
    for (kind, count) in ways(report) {
        let Text { ja, en } = way(kind);
        rows.push(part([
            say!(ja: "うち{ja}(重複して数える)", en: "of them by {en} (one person may be in several)").into(),
            count.into(),
        ]));
    }
    rows.push(counted(say!(ja: "まだ通知していない人", en: "Not notified yet"), notified.not_yet));
    if notified.withdrawn > 0 {
        rows.push(counted(say!(ja: "取り下げた人", en: "Withdrawn"), notified.withdrawn));
    }
    rows.push(sum([say!(ja: "本人の数", en: "Principals").into(), report.figures.members.into()]));
    Table {
        head: vec![
            say!(ja: "本人への対応の実施状況", en: "State of response to the principals"),
            say!(ja: "人数", en: "people"),
        ],
        rows,
    }
}

/// Of those whom no mail told; one who got a letter and a call is in both.
fn ways(report: &Report) -> BTreeMap<&str, i64> {
    let mut ways = BTreeMap::new();
    let told = [Status::Accepted, Status::Delivered];
    for row in report.rows.substitutes.iter().filter(|row| !row.kind.is_empty() && !told.contains(&row.status)) {
        *ways.entry(row.kind.as_str()).or_default() += row.count;
    }
    ways
}

fn publication(report: &Report) -> Table {
    let head = vec![
        say!(ja: "公表の実施状況", en: "State of publication"),
        say!(ja: "公表日", en: "from"),
        say!(ja: "終了日", en: "until"),
    ];
    let published = report.rows.publications.iter().map(|one| {
        let place = one.url.clone().map_or_else(|| say!(ja: "URL の記録なし", en: "no URL recorded"), Text::same);
        let until = one
            .until_day
            .clone()
            .map_or_else(|| say!(ja: "掲載中(終了日の記録なし)", en: "no end recorded"), Text::same);
        row([place.into(), Cell::same(one.on_day.clone()), until.into()])
    });
    let mut rows: Vec<_> = published.collect();
    if rows.is_empty() {
        rows.push(row([
            say!(ja: "公表の記録はありません", en: "no publication is recorded").into(),
            Cell::same("-"),
            Cell::same("-"),
        ]));
    }
    Table { head, rows }
}

/// For the text below the chart: how many of how many.
pub(super) fn of_members(report: &Report, count: i64) -> Text {
    let (count, members) = (number(count), number(report.figures.members));
    say!(ja: "{members} 人中 {count} 人", en: "{count} of {members} members")
}
