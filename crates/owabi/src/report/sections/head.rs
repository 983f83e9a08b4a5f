//! What the report is about, who made it, and what holds it in place.

use super::super::words::{number, percent};
use super::{Block, Cell, Report, Row, Section, Table, row};
use crate::cli::say::{Text, say};
use crate::cli::state_reason;
use crate::japan;

pub(super) fn section(report: &Report) -> Section {
    let mut blocks = vec![Block::Text(summary(report))];
    blocks.extend(refused(report.figures.refused_lines).map(Block::Text));
    blocks.extend(
        report.figures.wrong.iter().map(|wrong| Block::Alarm(wrong.led_by("合計の不一致:", "Does not add up:"))),
    );
    if report.figures.wrong.is_empty() {
        blocks.push(Block::Text(say!(
            ja: "名簿の行数、対象者の人数、通知の状況の合計は、すべて一致しています(作成時に照合)。",
            en: "The lines of the rosters, the members and the state of notifying them add up (checked as this was made)."
        )));
    }
    blocks.push(Block::Table(Table { head: Vec::new(), rows: facts(report) }));
    Section { title: say!(ja: "概要", en: "Summary"), blocks }
}

fn summary(report: &Report) -> Text {
    let figures = &report.figures;
    if figures.members == 0 {
        return say!(ja: "対象者はまだ登録されていません。", en: "There are no members yet.");
    }
    let (members, mail) = (number(figures.members), number(figures.notified.by_mail));
    let (other, not_yet) = (number(figures.notified.otherwise), number(figures.notified.not_yet));
    let share = percent(figures.notified.told(), figures.members);
    let withdrawn = figures.notified.withdrawn;
    let taken_out = number(withdrawn);
    let Text { ja, en } = if withdrawn > 0 {
        say!(ja: "取り下げは {taken_out} 人です。", en: " {taken_out} were withdrawn.")
    } else {
        Text::same("")
    };
    say!(
        ja: "対象者 {members} 人のうち、メールで {mail} 人、そのほかの方法で {other} 人に通知しました(合わせて {share}%)。まだ通知していない人は {not_yet} 人です。{ja}",
        en: "Of {members} members, {mail} were told by mail and {other} in other ways ({share}% together); {not_yet} are not told yet.{en}"
    )
}

/// Those on a refused line may be told by nobody, whatever share the figures say.
fn refused(lines: i64) -> Option<Text> {
    let n = number(lines);
    let text = say!(
        ja: "ほかに、取り込みで拒否された行が {n} 行あります。直して取り込み直した行を除き、その人はどの数字にも入っていません。",
        en: "Besides, {n} roster lines were refused: unless they were corrected and imported, those on them are in none of the figures."
    );
    Some(text).filter(|_| lines > 0)
}

fn facts(report: &Report) -> Vec<Row> {
    let notice = &report.rows.notice;
    let issuer = if report.issuer.is_empty() { "-" } else { &report.issuer };
    let mut rows = vec![
        row([say!(ja: "お知らせ", en: "Notice").into(), Cell::same(notice.title.clone())]),
        row([say!(ja: "お知らせの id", en: "Notice id").into(), Cell::Code(notice.id.clone())]),
        row([say!(ja: "発行者", en: "Issuer").into(), Cell::same(issuer)]),
        row([say!(ja: "状態", en: "State").into(), state(report).into()]),
    ];
    if let Some(made) = &report.made {
        let (at, by, version) = (japan::short(made.at), &made.by, env!("CARGO_PKG_VERSION"));
        let made = say!(ja: "{at}、{by}(owabi {version})", en: "{at} by {by} (owabi {version})");
        rows.push(row([say!(ja: "作成", en: "Made").into(), made.into()]));
    }
    rows.push(row([say!(ja: "集計の期間", en: "Period covered").into(), period(report).into()]));
    // In a bundle the seals stand beside the report, and the newest one seals the export itself.
    if report.made.is_some() {
        rows.push(row([say!(ja: "記録の封印", en: "Ledger head").into(), sealed(report).into()]));
        let hash = report.seal_hash();
        rows.extend(
            hash.map(|hash| row([say!(ja: "封印の SHA-256", en: "SHA-256 of the seal").into(), Cell::Code(hash)])),
        );
    }
    rows
}

fn state(report: &Report) -> Text {
    let notice = &report.rows.notice;
    let word = match notice.state.as_str() {
        "released" => say!(ja: "解禁済み", en: "released"),
        "paused" => say!(ja: "一時停止中", en: "paused"),
        "withdrawn" => say!(ja: "取り下げ", en: "withdrawn"),
        _ => say!(ja: "解禁前", en: "not released"),
    };
    match &notice.state_reason {
        Some(why) => {
            let why = state_reason::words(why);
            Text { ja: format!("{}({})", word.ja, why.ja), en: format!("{} ({})", word.en, why.en) }
        }
        None => word,
    }
}

fn period(report: &Report) -> Text {
    let from = report.rows.batches.first().map(|batch| japan::short(batch.at));
    let made = report.made.as_ref().map(|made| japan::short(made.at));
    match (from, made) {
        (Some(from), Some(made)) => say!(ja: "{from} から {made} まで", en: "{from} to {made}"),
        (None, Some(made)) => say!(ja: "{made} 現在", en: "as of {made}"),
        (Some(from), None) => {
            say!(ja: "{from} から証拠一式の書き出しまで", en: "{from} to the export of the bundle")
        }
        (None, None) => say!(ja: "証拠一式の書き出しの時点", en: "as of the export of the bundle"),
    }
}

fn sealed(report: &Report) -> Text {
    match report.rows.seal.as_ref().map(|seal| (seal.number, japan::short(seal.at))) {
        Some((number, at)) => say!(ja: "第 {number} 号、{at}", en: "number {number}, {at}"),
        None => say!(ja: "まだ封印されていません", en: "not sealed yet"),
    }
}
