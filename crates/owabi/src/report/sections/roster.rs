//! The arithmetic from the lines of the rosters to the members and where they stand.

use super::super::words;
use super::{Block, Cell, Report, Section, Table, row, sum};
use crate::cli::say::{Text, say};
use crate::cli::totals;
use crate::japan;
use owabi_core::lifecycle::Status;
use owabi_store::Totals;

pub(super) fn section(report: &Report) -> Section {
    let mut blocks = if report.figures.imports.is_empty() {
        vec![Block::Text(say!(ja: "名簿の取り込みはありません。", en: "No roster was imported."))]
    } else {
        let Text { ja, en } = totals::names_joined();
        vec![
            Block::Text(say!(
                ja: "名簿の行数 = {ja}。新規と宛先なしの行が、そのまま対象者になります。",
                en: "Lines = {en}. Lines imported and unreachable became members."
            )),
            Block::Table(lines(report)),
        ]
    };
    blocks.push(Block::Table(members(report)));
    blocks.push(Block::Table(statuses(report)));
    Section { title: say!(ja: "名簿と対象者の照合", en: "From the roster to the members"), blocks }
}

fn lines(report: &Report) -> Table {
    let head = [say!(ja: "取り込み", en: "Import"), say!(ja: "行数", en: "lines")];
    let head = head.into_iter().chain(totals::names()).collect();
    let imports = report.rows.batches.iter().filter(|batch| batch.kind == "import");
    let mut rows: Vec<_> = imports
        .map(|batch| {
            let (file, at) = (batch.file_name.as_deref().unwrap_or("-"), japan::day(batch.at));
            let name = say!(ja: "{at} {file}", en: "{at} {file}");
            row([Cell::from(name)].into_iter().chain(cells(batch.totals)))
        })
        .collect();
    rows.push(sum([Cell::from(say!(ja: "計", en: "All"))].into_iter().chain(cells(report.figures.lines))));
    Table { head, rows }
}

fn cells(totals: Totals) -> impl Iterator<Item = Cell> {
    [totals.lines].into_iter().chain(totals::counts(&totals)).map(Cell::from)
}

fn members(report: &Report) -> Table {
    let figures = &report.figures;
    let new = figures.lines.imported + figures.lines.unreachable;
    let head = vec![say!(ja: "対象者の由来", en: "Where the members come from"), say!(ja: "人数", en: "people")];
    let rows = vec![
        super::counted(say!(ja: "取り込みで加わった人(新規 + 宛先なし)", en: "Imports (imported + unreachable)"), new),
        super::counted(
            say!(ja: "協会のシステムが直接加えた人", en: "Rows that another system inserted itself"),
            figures.own_rows,
        ),
        sum([say!(ja: "対象者", en: "Members").into(), figures.members.into()]),
    ];
    Table { head, rows }
}

fn statuses(report: &Report) -> Table {
    let head = vec![say!(ja: "現在の状況", en: "Where they stand"), say!(ja: "人数", en: "people")];
    let there = Status::ALL.into_iter().filter(|status| report.figures.count(*status) > 0);
    let mut rows: Vec<_> =
        there.map(|status| super::counted(words::status(status), report.figures.count(status))).collect();
    rows.push(sum([say!(ja: "対象者", en: "Members").into(), report.figures.members.into()]));
    Table { head, rows }
}
