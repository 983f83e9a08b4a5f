//! Who was sent to again, why, and what became of it.

use super::super::words;
use super::{Block, Cell, Report, Row, Section, Table, part, row, sum};
use crate::cli::say::{Text, say};
use crate::japan;
use owabi_store::BatchRow;

pub(super) fn section(report: &Report) -> Section {
    let resends = report.rows.batches.iter().filter(|batch| batch.kind == "resend");
    let mut blocks: Vec<Block> = resends.map(|batch| Block::Table(resend(report, batch))).collect();
    if blocks.is_empty() {
        blocks.push(Block::Text(say!(ja: "再送は行っていません。", en: "Nobody was sent to again.")));
    }
    Section { title: say!(ja: "再送", en: "Resends"), blocks }
}

fn resend(report: &Report, batch: &BatchRow) -> Table {
    let (at, actor) = (japan::short(batch.at), &batch.actor);
    let became = report.rows.resent.iter().filter(|row| row.batch_id == batch.id);
    let total: i64 = became.clone().map(|row| row.count).sum();
    let mut rows: Vec<Row> = vec![
        row([say!(ja: "実施", en: "Made").into(), say!(ja: "{at}、{actor}", en: "{at} by {actor}").into()]),
        row([
            say!(ja: "理由", en: "Reason").into(),
            Cell::same(batch.reason.clone().unwrap_or_else(|| "-".to_owned())),
        ]),
        row([say!(ja: "選択の条件", en: "Selection").into(), words::selection(batch.selection.as_deref()).into()]),
        row([Text::same("id").into(), Cell::Code(batch.id.clone())]),
        sum([say!(ja: "再送した人", en: "People sent to again").into(), total.into()]),
    ];
    rows.extend(became.map(|row| {
        let Text { ja, en } =
            row.status.map_or_else(|| say!(ja: "その後さらに再送", en: "sent to once more since"), words::status);
        part([say!(ja: "現在: {ja}", en: "now: {en}").into(), row.count.into()])
    }));
    Table { head: Vec::new(), rows }
}
