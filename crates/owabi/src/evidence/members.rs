//! The roster of a bundle: every row against the ledger, every import's count, and the figures of the report.

use super::archive::{Archive, Zip};
use super::check::{Bad, Fault};
use super::compare::{csv_reader, line_of};
use super::name;
use super::placed::Placed;
use super::roster::{self, Listed};
use owabi_store::BatchPaper;
use serde_json::Value;
use std::collections::BTreeMap;

/// How many members each import brought.
pub(super) type Brought = BTreeMap<String, i64>;

/// How many rows the roster has.
#[derive(Debug, Default)]
struct Sums {
    members: i64,
    by_status: BTreeMap<String, i64>,
    by_batch: BTreeMap<String, i64>,
}

pub(super) fn brought(batches: &BTreeMap<String, BatchPaper>) -> Brought {
    let imports = batches.values().filter(|batch| batch.kind == "import");
    imports.map(|batch| (batch.id.clone(), batch.totals.imported + batch.totals.unreachable)).collect()
}

/// Compares every row with what the ledger says; the number of rows.
pub(super) fn compare(
    archive: &Archive,
    zip: &mut Option<Zip>,
    (brought, mut placed): (&Brought, Placed),
) -> Result<u64, Bad> {
    let sums = rows(archive, zip, &mut placed)?;
    if let Some((id, seq)) = placed.unseen() {
        let member = Some(format!("#{id}"));
        return Err(Bad { entry: Some(seq), member, ..Bad::new(name::ROSTER, Fault::MemberMissing) });
    }
    let of = |batch: &String| sums.by_batch.get(batch).copied().unwrap_or(0);
    let unknown = |batch: &String| !batch.is_empty() && !brought.contains_key(batch);
    if brought.iter().any(|(batch, count)| of(batch) != *count) || sums.by_batch.keys().any(unknown) {
        return Err(Bad::new(name::ROSTER, Fault::Count));
    }
    if archive.has(name::REPORT[1]) {
        report(&archive.small(zip, name::REPORT[1])?, &sums)?;
    }
    Ok(sums.members.unsigned_abs())
}

fn rows(archive: &Archive, zip: &mut Option<Zip>, placed: &mut Placed) -> Result<Sums, Bad> {
    let (mut sums, mut last) = (Sums::default(), 0);
    let mut roster = csv_reader(archive.read(zip, name::ROSTER)?);
    let mut record = csv::StringRecord::new();
    while roster.read_record(&mut record).map_err(|_| Bad::new(name::ROSTER, Fault::Malformed))? {
        let number = line_of(record.position());
        let malformed = || Bad::line(name::ROSTER, number, Fault::Malformed);
        let row = roster::read(&record).filter(|row| row.id > last).ok_or_else(malformed)?;
        last = row.id;
        if let Some((entry, column)) = placed.differs(&row) {
            let (member, column) = (Some(row.member_no), Some(column.to_owned()));
            return Err(Bad { entry, member, column, ..Bad::line(name::ROSTER, number, Fault::NotTheLedgers) });
        }
        sums.add(row);
    }
    Ok(sums)
}

impl Sums {
    fn add(&mut self, row: Listed) {
        self.members += 1;
        *self.by_status.entry(row.status).or_default() += 1;
        *self.by_batch.entry(row.batch).or_default() += 1;
    }
}

/// The report's figures are those of the roster.
fn report(text: &[u8], sums: &Sums) -> Result<(), Bad> {
    let file = name::REPORT[1];
    let report: Value = serde_json::from_slice(text).map_err(|_| Bad::new(file, Fault::Malformed))?;
    let of_batch = |batch: &str| sums.by_batch.get(batch).copied().unwrap_or(0);
    let mut figures = vec![
        ("members".to_owned(), &report["members"], sums.members),
        ("own_rows".to_owned(), &report["own_rows"], of_batch("")),
    ];
    for (status, said) in report["counts"].as_object().into_iter().flatten() {
        let count = sums.by_status.get(status).copied().unwrap_or(0);
        figures.push((format!("counts.{status}"), said, count));
    }
    for import in report["imports"].as_array().into_iter().flatten() {
        let batch = import["batch"].as_str().unwrap_or_default();
        figures.push((format!("imports.{batch}"), &import["members"], of_batch(batch)));
    }
    match figures.into_iter().find(|(_, said, count)| said.as_i64() != Some(*count)) {
        Some((column, ..)) => Err(Bad { column: Some(column), ..Bad::new(file, Fault::Count) }),
        None if report["counts"].is_object() && report["imports"].is_array() => Ok(()),
        None => Err(Bad::new(file, Fault::Malformed)),
    }
}
