//! The sums of a report. Pure; what does not add up is found here.

use crate::cli::say::{Text, say};
use owabi_core::lifecycle::Status;
use owabi_store::{BatchRow, MembersRow, ReportRows, Totals};
use std::collections::BTreeMap;

/// The sums of one notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// All members.
    pub members: i64,
    /// How many of them stand where.
    pub by_status: BTreeMap<Status, i64>,
    /// Each import, and what the queue has of it.
    pub imports: Vec<Imported>,
    /// All imports together.
    pub lines: Totals,
    /// Lines that were refused and are in no figure, unless they were corrected and imported: see [`refused_lines`].
    pub refused_lines: i64,
    /// Rows that another system wrote into the queue itself.
    pub own_rows: i64,
    /// Of those accepted: nothing came back while somebody looked.
    pub no_bounce: i64,
    /// Of those told: the mail may have come twice.
    pub duplicates: i64,
    /// The first mail to those who are told (epoch milliseconds).
    pub first_told: Option<i64>,
    /// The last one.
    pub last_told: Option<i64>,
    /// Who was told in which way.
    pub notified: Notified,
    /// What does not add up; empty when all does.
    pub wrong: Vec<Text>,
}

/// One import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The batch.
    pub id: String,
    /// What became of its lines.
    pub totals: Totals,
    /// The rows of the queue that it brought.
    pub members: i64,
}

/// Everybody, by how they were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notified {
    /// By mail: the relay accepted it, or there is evidence of its delivery, and it did not come back.
    pub by_mail: i64,
    /// Not by mail, but by letter, telephone, visit or otherwise.
    pub otherwise: i64,
    /// Withdrawn, and told in no other way.
    pub withdrawn: i64,
    /// Not told yet in any way.
    pub not_yet: i64,
}

impl Notified {
    /// Everybody who was told.
    pub fn told(&self) -> i64 {
        self.by_mail + self.otherwise
    }
}

/// Told by mail, as far as anybody knows.
fn is_told(status: Status) -> bool {
    matches!(status, Status::Accepted | Status::Delivered)
}

impl Figures {
    /// Adds up what the database counted.
    pub fn of(rows: &ReportRows) -> Self {
        let mut by_status = BTreeMap::new();
        for row in &rows.members {
            *by_status.entry(row.status).or_default() += row.count;
        }
        let sum = |of: &dyn Fn(&&MembersRow) -> bool| rows.members.iter().filter(of).map(|row| row.count).sum::<i64>();
        let imports = rows.batches.iter().filter(|batch| batch.kind == "import").map(|batch| Imported {
            id: batch.id.clone(),
            totals: batch.totals,
            members: sum(&|row| row.batch_id.as_deref() == Some(&batch.id)),
        });
        let imports: Vec<Imported> = imports.collect();
        let figures = Self {
            members: by_status.values().sum(),
            lines: imports.iter().fold(Totals::default(), |sum, import| add(sum, import.totals)),
            refused_lines: refused_lines(&rows.batches),
            own_rows: sum(&|row| row.batch_id.is_none()),
            no_bounce: sum(&|row| row.quiet),
            duplicates: sum(&|row| row.possible_duplicate && is_told(row.status)),
            first_told: rows.told.iter().filter_map(|told| told.first).min(),
            last_told: rows.told.iter().filter_map(|told| told.last).max(),
            notified: notified(rows, &by_status),
            imports,
            by_status,
            wrong: Vec::new(),
        };
        Self { wrong: figures.wrong(rows), ..figures }
    }

    /// How many stand at `status`.
    pub fn count(&self, status: Status) -> i64 {
        self.by_status.get(&status).copied().unwrap_or(0)
    }

    fn wrong(&self, rows: &ReportRows) -> Vec<Text> {
        let mut wrong: Vec<Text> = self.imports.iter().flat_map(wrong_import).collect();
        let (imported, own, members) = (self.lines.imported + self.lines.unreachable, self.own_rows, self.members);
        if imported + own != members {
            wrong.push(say!(
                ja: "取り込みで加わった {imported} 人と、協会のシステムが直接加えた {own} 人の合計が、対象者 {members} 人と一致しません。",
                en: "{imported} members of the imports and {own} rows of another system are not the {members} members"
            ));
        }
        let (told, dated) = (self.notified.by_mail, rows.told.iter().map(|row| row.count).sum::<i64>());
        let undated: i64 = rows.told.iter().filter(|row| row.minute.is_none()).map(|row| row.count).sum();
        if dated != told || undated > 0 {
            let recorded = dated - undated;
            wrong.push(say!(
                ja: "メールで通知した {told} 人のうち、送信の記録があるのは {recorded} 人です。",
                en: "of the {told} members told by mail, {recorded} have a mail on record"
            ));
        }
        let Notified { by_mail, otherwise, withdrawn, not_yet } = self.notified;
        if by_mail + otherwise + withdrawn + not_yet != members || not_yet < 0 || withdrawn < 0 {
            wrong.push(say!(
                ja: "通知した人・していない人の合計が、対象者 {members} 人と一致しません。",
                en: "those told and those not told are not the {members} members"
            ));
        }
        wrong
    }
}

fn wrong_import(import: &Imported) -> Vec<Text> {
    let Imported { id, totals, members } = import;
    let mut wrong = Vec::new();
    if !totals.add_up() {
        let lines = totals.lines;
        wrong.push(say!(
            ja: "取り込み {id} の {lines} 行が、内訳の合計と一致しません。",
            en: "the {lines} lines of import {id} are not the sum of their parts"
        ));
    }
    let said = totals.imported + totals.unreachable;
    if said != *members {
        wrong.push(say!(
            ja: "取り込み {id} で加わったのは {said} 人のはずですが、登録されているのは {members} 人です。",
            en: "import {id} brought {said} members, and the queue has {members} of it"
        ));
    }
    wrong
}

fn add(one: Totals, other: Totals) -> Totals {
    Totals {
        lines: one.lines + other.lines,
        imported: one.imported + other.imported,
        merged: one.merged + other.merged,
        unreachable: one.unreachable + other.unreachable,
        not_affected: one.not_affected + other.not_affected,
        already_present: one.already_present + other.already_present,
        refused: one.refused + other.refused,
    }
}

/// The lines that imports refused, each file counted once: as its newest import has it. Which of them were corrected and imported
/// since cannot be known, for it is often the name or the number that was corrected.
pub(crate) fn refused_lines(batches: &[BatchRow]) -> i64 {
    let imports = batches.iter().filter(|batch| batch.kind == "import");
    let by_file: BTreeMap<_, _> =
        imports.map(|batch| (batch.file_sha256.as_ref().unwrap_or(&batch.id), batch.totals.refused)).collect();
    by_file.values().sum()
}

fn notified(rows: &ReportRows, by_status: &BTreeMap<Status, i64>) -> Notified {
    let count = |status| by_status.get(&status).copied().unwrap_or(0);
    let anyhow = rows.substitutes.iter().filter(|row| row.kind.is_empty() && !is_told(row.status));
    let otherwise: i64 = anyhow.clone().map(|row| row.count).sum();
    let withdrawn_but_told: i64 = anyhow.filter(|row| row.status == Status::Withdrawn).map(|row| row.count).sum();
    let by_mail = count(Status::Accepted) + count(Status::Delivered);
    let withdrawn = count(Status::Withdrawn) - withdrawn_but_told;
    let not_yet = by_status.values().sum::<i64>() - by_mail - otherwise - withdrawn;
    Notified { by_mail, otherwise, withdrawn, not_yet }
}
