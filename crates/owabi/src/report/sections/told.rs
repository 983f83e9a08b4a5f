//! Who was told, when, in which words, and who answered for them.

use super::super::chart;
use super::authority::of_members;
use super::{Block, Cell, Report, Row, Section, Table, counted, part, row, sum};
use crate::cli::say::{Text, say};
use crate::japan;
use owabi_core::lifecycle::Status;
use owabi_store::ReleasedRow;

pub(super) fn section(report: &Report) -> Section {
    let mut blocks = vec![Block::Table(counts(report)), Block::Table(times(report))];
    match chart::progress(report) {
        Some(svg) => {
            let Text { ja, en } = of_members(report, report.figures.notified.by_mail);
            let caption = say!(ja: "メールで通知した人の累計({ja})", en: "People told by mail, cumulative ({en})");
            blocks.push(Block::Chart(caption, svg));
        }
        None => blocks
            .push(Block::Text(say!(ja: "まだ誰にもメールで通知していません。", en: "Nobody is told by mail yet."))),
    }
    blocks.extend(texts(report));
    Section { title: say!(ja: "通知した人", en: "Who was told"), blocks }
}

fn counts(report: &Report) -> Table {
    let figures = &report.figures;
    let mut rows =
        vec![counted(say!(ja: "中継サーバーが受付", en: "Accepted by the relay"), figures.count(Status::Accepted))];
    rows.push(silence(report));
    rows.push(counted(say!(ja: "配達の証拠あり", en: "Evidence of delivery"), figures.count(Status::Delivered)));
    rows.push(sum([say!(ja: "メールで通知した人", en: "Told by mail").into(), figures.notified.by_mail.into()]));
    rows.push(part([
        say!(ja: "うち重複の可能性がある人", en: "of them with a possible duplicate").into(),
        figures.duplicates.into(),
    ]));
    Table { head: vec![say!(ja: "メールによる通知", en: "By mail"), say!(ja: "人数", en: "people")], rows }
}

fn silence(report: &Report) -> Row {
    match &report.watched_until {
        Some(day) => part([
            say!(ja: "うち {day} までに不達の知らせなし", en: "of them no bounce by {day}").into(),
            report.figures.no_bounce.into(),
        ]),
        None => part([
            say!(ja: "不達の知らせの有無は確認されていません", en: "whether bounces came is not known").into(),
            Cell::same("-"),
        ]),
    }
}

fn times(report: &Report) -> Table {
    let at = |ms: Option<i64>| Cell::same(ms.map_or("-".to_owned(), japan::short));
    let rows = vec![
        row([say!(ja: "最初に通知した時刻", en: "First told").into(), at(report.figures.first_told)]),
        row([say!(ja: "最後に通知した時刻", en: "Last told").into(), at(report.figures.last_told)]),
    ];
    Table { head: Vec::new(), rows }
}

/// Each release: the words, who approved them and when, who released them.
fn texts(report: &Report) -> Vec<Block> {
    if report.rows.releases.is_empty() {
        return vec![Block::Text(
            say!(ja: "このお知らせはまだ解禁されていません。", en: "The notice has not been released."),
        )];
    }
    let mut blocks = vec![Block::Text(say!(
        ja: "通知に用いた文面と、その承認・解禁は次のとおりです。",
        en: "The words that were sent, and who approved and released them:"
    ))];
    blocks.extend(report.rows.releases.iter().map(|release| Block::Table(text(report, release))));
    blocks
}

fn text(report: &Report, release: &ReleasedRow) -> Table {
    let (at, actor) = (japan::short(release.at), &release.actor);
    let of_it = release.approvals(&report.rows.approvals).into_iter();
    let mut rows = vec![
        row([say!(ja: "解禁", en: "Released").into(), say!(ja: "{at}、{actor}", en: "{at} by {actor}").into()]),
        row([say!(ja: "人数", en: "People").into(), Cell::same(super::super::words::number(release.members))]),
    ];
    rows.extend(of_it.map(|one| {
        let (at, actor) = (japan::short(one.at), &one.actor);
        row([say!(ja: "承認", en: "Approved").into(), say!(ja: "{at}、{actor}", en: "{at} by {actor}").into()])
    }));
    if rows.len() == 2 {
        rows.push(row([say!(ja: "承認", en: "Approved").into(), say!(ja: "記録なし", en: "none recorded").into()]));
    }
    rows.push(row([say!(ja: "文面の指紋", en: "Fingerprint").into(), Cell::Code(release.fingerprint.clone())]));
    rows.push(row([say!(ja: "名簿の指紋", en: "Roster's hash").into(), Cell::Code(release.roster_hash.clone())]));
    Table { head: Vec::new(), rows }
}
