//! Writes an evidence bundle: one zip, streamed, in one order, with the same octets for the same state.

use super::mails::{self, Past};
use super::name;
use super::rebuild::Texts;
use super::roster;
use super::rows::{Hidden, Shown};
use crate::library::NoticeSource;
use owabi_core::ids::{Keys, Pseudonyms, hex};
use owabi_core::ledger::{Entry, Head, SealKey, StoredSeal};
use owabi_core::rebuild::{Corrected, History, Released, Resent};
use owabi_store::{Pasts, ReleaseRow, RosterRow, Snapshot, StoreError};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Rows that are read together.
const PAGE: i64 = 1_000;
const README: &str = include_str!("README.txt");
const CHECK: &str = include_str!("check.sh");

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The notice.
    pub notice_id: &'a str,
    /// With names, addresses and the key of the keyed hashes.
    pub full: bool,
    /// The installation's secret.
    pub keys: &'a Keys,
    /// What the manifest is signed with: the key of the seals.
    pub seal_key: &'a SealKey,
    /// The report as HTML and as JSON, when there is one.
    pub report: Option<[&'a str; 2]>,
    /// Why the ledger did not verify, and the newest seal that is good: README.txt begins with it.
    pub damage: Option<(&'a str, &'a str)>,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Members of the roster.
    pub members: u64,
    /// Mails that were about to leave.
    pub mails: u64,
    /// Entries of the ledger, those of other notices too.
    pub entries: u64,
    /// Those of them that no seal covers yet.
    pub unsealed: u64,
    /// Seals.
    pub seals: u64,
    /// The newest seal, as `ledger head` says it; to be kept outside.
    pub head: Option<String>,
}

/// Why a bundle cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The file.
    #[error(transparent)]
    Zip(#[from] zip::result::ZipError),
    /// A row.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A row.
    #[error(transparent)]
    Csv(#[from] csv::Error),
}

/// A zip whose files are hashed on their way, for the manifest.
struct Out<W: Write + Seek> {
    zip: ZipWriter<W>,
    hash: Sha256,
    manifest: String,
}

impl<W: Write + Seek> Write for Out<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.zip.write(octets)?;
        self.hash.update(&octets[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.zip.flush()
    }
}

impl<W: Write + Seek> Out<W> {
    fn begin(&mut self, file: &str) -> Result<(), BundleError> {
        let mode = if file == name::CHECK { 0o755 } else { 0o644 };
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let options = options.last_modified_time(DateTime::default()).unix_permissions(mode).large_file(true);
        self.hash = Sha256::new();
        Ok(self.zip.start_file(file, options)?)
    }

    fn end(&mut self, name: &str) {
        let hash = hex(&std::mem::take(&mut self.hash).finalize());
        for part in [&hash, "  ", name, "\n"] {
            self.manifest.push_str(part);
        }
    }

    fn file(&mut self, name: &str, content: &[u8]) -> Result<(), BundleError> {
        self.begin(name)?;
        self.write_all(content)?;
        self.end(name);
        Ok(())
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), BundleError> {
        serde_json::to_writer(&mut *self, line)?;
        Ok(self.write_all(b"\n")?)
    }

    fn lines<T: Serialize>(&mut self, name: &str, rows: &[T]) -> Result<(), BundleError> {
        self.begin(name)?;
        rows.iter().try_for_each(|row| self.line(row))?;
        self.end(name);
        Ok(())
    }

    fn record(&mut self, cells: &[impl AsRef<[u8]>]) -> Result<(), BundleError> {
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut *self);
        csv.write_record(cells)?;
        Ok(csv.flush()?)
    }
}

/// Writes the bundle of one notice. Memory does not grow with its members.
///
/// # Errors
/// See [`BundleError`]; what was written is then no bundle.
pub async fn write<W: Write + Seek>(
    out: W,
    snapshot: &mut Snapshot,
    wanted: &Wanted<'_>,
) -> Result<Written, BundleError> {
    let zip = ZipWriter::new(out);
    let mut out = Out { zip, hash: Sha256::new(), manifest: String::new() };
    let mut written = Written::default();
    let pseudonyms = wanted.keys.pseudonyms(wanted.notice_id);
    let keyed = (!wanted.full).then_some(&pseudonyms);
    out.file(name::README, readme(wanted.damage).as_bytes())?;
    out.file(name::CHECK, CHECK.as_bytes())?;
    out.file(name::KEY, wanted.seal_key.public().to_pem().as_bytes())?;
    let releases = notice(&mut out, snapshot, (wanted.notice_id, keyed)).await?;
    members(&mut out, snapshot, (wanted.notice_id, keyed), &mut written).await?;
    mails_of(&mut out, snapshot, (wanted.notice_id, keyed), &releases, &mut written).await?;
    for (kind, file) in name::ROWS {
        rows(&mut out, snapshot, (wanted.notice_id, keyed), (kind, file)).await?;
    }
    seals(&mut out, snapshot, &mut written).await?;
    ledger(&mut out, snapshot, wanted, &mut written).await?;
    if wanted.full {
        let key = hex(&wanted.keys.pseudonym_key(wanted.notice_id));
        out.file(name::PSEUDONYM, format!("{key}\n").as_bytes())?;
    }
    for (name, text) in name::REPORT.iter().zip(wanted.report.into_iter().flatten()) {
        out.file(name, text.as_bytes())?;
    }
    sign(out, wanted.seal_key)?;
    Ok(written)
}

fn readme(damage: Option<(&str, &str)>) -> String {
    let Some((why, head)) = damage else { return README.to_owned() };
    format!(
        "!! 書き出しの前の検証で、台帳は封印のとおりではありませんでした。この一式は証拠として完全ではありません。\n\
         !! Before this was written the ledger was checked, and did not verify: this is not complete evidence.\n\
         !! {why}\n!! {head}\n\n{README}"
    )
}

/// The notice as it was approved and released, and its batches.
async fn notice<W: Write + Seek>(
    out: &mut Out<W>,
    snapshot: &mut Snapshot,
    (notice_id, keyed): (&str, Option<&Pseudonyms>),
) -> Result<Vec<ReleaseRow>, BundleError> {
    let releases = snapshot.releases(notice_id).await?;
    out.lines(name::RELEASES, &releases)?;
    for (number, release) in releases.iter().enumerate() {
        // A release of an early version may have been kept without its files.
        let Ok(source) = serde_json::from_str::<NoticeSource>(&release.definition) else { continue };
        let texts = [source.definition, source.subject, source.text, source.html];
        for (name, text) in name::TEXTS.iter().zip(texts) {
            out.file(&format!("notice/{}/{name}", number + 1), text.as_bytes())?;
        }
    }
    out.lines(name::APPROVALS, &snapshot.approvals(notice_id).await?)?;
    out.lines(name::PREFLIGHTS, &snapshot.preflights(notice_id).await?)?;
    let mut batches = snapshot.batches(notice_id).await?;
    for batch in &mut batches {
        batch.file_name = batch.file_name.take().filter(|name| !name.is_empty());
        batch.file_name = batch.file_name.take().map(|name| keyed.map_or(name.clone(), |keyed| keyed.of(&name)));
    }
    out.lines(name::BATCHES, &batches)?;
    Ok(releases)
}

async fn members<W: Write + Seek>(
    out: &mut Out<W>,
    snapshot: &mut Snapshot,
    (notice_id, keyed): (&str, Option<&Pseudonyms>),
    written: &mut Written,
) -> Result<(), BundleError> {
    out.begin(name::ROSTER)?;
    out.record(&roster::COLUMNS)?;
    let mut after = 0;
    loop {
        let page = snapshot.roster(notice_id, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        written.members += page.len() as u64;
        page.iter().try_for_each(|row| out.record(&roster::cells(row, keyed)))?;
    }
    out.end(name::ROSTER);
    Ok(())
}

async fn mails_of<W: Write + Seek>(
    out: &mut Out<W>,
    snapshot: &mut Snapshot,
    (notice_id, keyed): (&str, Option<&Pseudonyms>),
    releases: &[ReleaseRow],
    written: &mut Written,
) -> Result<(), BundleError> {
    let texts = texts(releases);
    let releases = mails::released(releases);
    out.begin(name::MAILS)?;
    out.record(&mails::COLUMNS)?;
    let mut after = 0;
    loop {
        let page = snapshot.roster(notice_id, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        let pasts = snapshot.pasts(notice_id, (after, last.id)).await?;
        after = last.id;
        for listed in listed(&page, &pasts, (&releases, &texts)) {
            written.mails += 1;
            out.record(&listed.cells(keyed))?;
        }
    }
    out.end(name::MAILS);
    Ok(())
}

/// The texts of all releases that were kept with their files.
pub(crate) fn texts(releases: &[ReleaseRow]) -> Texts {
    let mut texts = Texts::default();
    for release in releases {
        if let Ok(source) = serde_json::from_str(&release.definition) {
            texts.add(&release.fingerprint, &source);
        }
    }
    texts
}

/// The mails of some members, in the order of their rows.
fn listed(page: &[RosterRow], pasts: &Pasts, (releases, texts): (&[Released], &Texts)) -> Vec<mails::Listed> {
    let mut resends: BTreeMap<i64, Vec<Resent>> = BTreeMap::new();
    for (id, resent) in &pasts.resends {
        resends.entry(*id).or_default().push(resent.clone());
    }
    let mut corrections: BTreeMap<i64, Vec<Corrected>> = BTreeMap::new();
    for (id, corrected) in &pasts.corrections {
        corrections.entry(*id).or_default().push(corrected.clone());
    }
    let of = |id: i64| page.binary_search_by_key(&id, |row| row.id).ok().map(|at| &page[at]);
    let mail = |(id, number, intent): &(i64, i64, _)| {
        let row = of(*id)?;
        let history = History {
            email: row.email.as_deref(),
            round: row.round,
            queued_at: row.queued_at,
            releases,
            resends: resends.get(id).map_or(&[], Vec::as_slice),
            corrections: corrections.get(id).map_or(&[], Vec::as_slice),
        };
        Some(Past { row, history, texts }.mail(*number, intent))
    };
    pasts.intents.iter().filter_map(mail).collect()
}

async fn rows<W: Write + Seek>(
    out: &mut Out<W>,
    snapshot: &mut Snapshot,
    (notice_id, keyed): (&str, Option<&Pseudonyms>),
    (kind, file): (&str, &str),
) -> Result<(), BundleError> {
    out.begin(file)?;
    let mut after = 0;
    loop {
        let page = snapshot.entries(after, (kind, notice_id), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for entry in &page {
            out.line(&Shown::of(entry, keyed)?)?;
        }
    }
    out.end(file);
    Ok(())
}

async fn seals<W: Write + Seek>(
    out: &mut Out<W>,
    snapshot: &mut Snapshot,
    written: &mut Written,
) -> Result<(), BundleError> {
    let mut covered = 0;
    loop {
        let number = i64::try_from(written.seals).unwrap_or(i64::MAX);
        let page = snapshot.seals(number, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        for seal in &page {
            let file = name::seal(seal.number);
            out.file(&format!("{file}.txt"), seal.text.as_bytes())?;
            out.file(&format!("{file}.sig"), &octets(&seal.signature))?;
            covered += seal.entries;
        }
        written.seals += page.len() as u64;
        written.head = head(last, covered).map(|head| head.to_string());
    }
}

fn head(seal: &StoredSeal, entries: i64) -> Option<Head> {
    let said = seal.read().ok()?;
    let hash = owabi_core::ledger::Seal::hash_of(&seal.text);
    Some(Head { queue: said.queue, number: said.number, at: said.at, entries, hash, key: said.key })
}

/// The octets of hexadecimal digits; nothing for anything else.
pub(crate) fn octets(digits: &str) -> Vec<u8> {
    let pair = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..digits.len()).step_by(2).map_while(pair).collect()
}

async fn ledger<W: Write + Seek>(
    out: &mut Out<W>,
    snapshot: &mut Snapshot,
    wanted: &Wanted<'_>,
    written: &mut Written,
) -> Result<(), BundleError> {
    let mut pseudonyms = Known { keys: wanted.keys, of: BTreeMap::new() };
    out.begin(name::LEDGER)?;
    let mut after = 0;
    loop {
        let page = snapshot.entries(after, ("", ""), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        written.entries += page.len() as u64;
        for entry in &page {
            let line = pseudonyms.line(entry)?;
            if entry.notice_id.as_deref().is_none_or(|id| id == wanted.notice_id) {
                out.write_all(&line)?;
                out.write_all(b"\n")?;
            } else {
                out.line(&Hidden::of(entry.seq, &owabi_core::ledger::leaf(&line)))?;
            }
        }
    }
    out.end(name::LEDGER);
    let sealed = written.head.as_deref().and_then(Head::find).map_or(0, |head| head.entries.unsigned_abs());
    written.unsealed = written.entries.saturating_sub(sealed);
    Ok(())
}

/// The keyed hashes of the notices that entries speak of.
pub(crate) struct Known<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) of: BTreeMap<String, Pseudonyms>,
}

impl Known<'_> {
    /// The sealed line of an entry.
    pub(crate) fn line(&mut self, entry: &Entry) -> serde_json::Result<Vec<u8>> {
        let id = entry.notice_id.clone().unwrap_or_default();
        let pseudonyms = self.of.entry(id).or_insert_with_key(|id| self.keys.pseudonyms(id));
        entry.line(pseudonyms)
    }
}

fn sign<W: Write + Seek>(mut out: Out<W>, key: &SealKey) -> Result<(), BundleError> {
    let manifest = std::mem::take(&mut out.manifest);
    out.file(name::MANIFEST, manifest.as_bytes())?;
    out.file(name::SIGNATURE, &octets(&key.sign(&manifest)))?;
    out.zip.finish()?.flush()?;
    Ok(())
}
