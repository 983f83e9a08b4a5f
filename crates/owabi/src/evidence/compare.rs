//! The ledger of a bundle against its seals, and every other file against the ledger.

use super::archive::{Archive, Zip, line};
use super::check::{Bad, Fault, Verdict};
use super::mails;
use super::members;
use super::name;
use super::placed::Placed;
use super::rebuild::Texts;
use super::roster;
use super::rows::{Front, Hidden, Shown, Told};
use crate::library::NoticeSource;
use owabi_core::ids::{Pseudonyms, hex};
use owabi_core::ledger::{Body, Hash, Seal, Tree, hash_of_hex, leaf};
use owabi_store::{BatchPaper, ReleaseRow};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;

/// What the small files say, and what is still to be found in the ledger.
struct Papers {
    batches: BTreeMap<String, BatchPaper>,
    /// Fingerprint and roster hash, with the hash of the release's files where they were kept.
    releases: Releases,
    /// Those of them that the ledger tells of.
    released: BTreeSet<(String, String)>,
    /// Each mail's mark by row and attempt. About 50 MB for a million.
    mails: HashMap<(i64, i64), [u8; 16]>,
    placed: Placed,
    pseudonyms: Pseudonyms,
}

/// One of the files that have the rows which entries name.
struct Rows<'a> {
    kind: &'static str,
    file: &'static str,
    from: Box<dyn BufRead + 'a>,
    number: u64,
    text: Vec<u8>,
}

pub(super) fn all(archive: &Archive, seals: &[Seal], verdict: &mut Verdict) -> Result<(), Bad> {
    let mut zip = None;
    let (texts, releases) = texts(archive, &mut zip)?;
    let mut papers = Papers {
        batches: batches(archive, &mut zip)?,
        releases,
        released: BTreeSet::new(),
        mails: mails_of(archive, &mut zip)?,
        placed: Placed::default(),
        pseudonyms: pseudonyms(archive, &mut zip)?,
    };
    verdict.mails = papers.mails.len() as u64;
    let brought = members::brought(&papers.batches);
    ledger(archive, seals, &mut papers, verdict)?;
    verdict.members = members::compare(archive, &mut zip, (&brought, papers.placed))?;
    if verdict.full {
        verdict.mails_rebuilt = rebuilt(archive, &texts)?;
    }
    Ok(())
}

fn pseudonyms(archive: &Archive, zip: &mut Option<Zip>) -> Result<Pseudonyms, Bad> {
    if !archive.has(name::PSEUDONYM) {
        // Nothing of it is used: in such a bundle every personal value is a keyed hash already.
        return Ok(Pseudonyms::from_key(&[0; 32]));
    }
    let text = archive.small(zip, name::PSEUDONYM)?;
    let key = std::str::from_utf8(&text).ok().and_then(|text| hash_of_hex(text.trim_end()));
    key.map(|key| Pseudonyms::from_key(&key)).ok_or_else(|| Bad::new(name::PSEUDONYM, Fault::Malformed))
}

fn json_lines<T: DeserializeOwned>(archive: &Archive, zip: &mut Option<Zip>, file: &str) -> Result<Vec<T>, Bad> {
    let text = archive.small(zip, file)?;
    let rows = (1..).zip(text.split_inclusive(|octet| *octet == b'\n'));
    rows.map(|(number, row)| serde_json::from_slice(row).map_err(|_| Bad::line(file, number, Fault::Malformed)))
        .collect()
}

type Releases = BTreeMap<(String, String), Option<String>>;

/// The files of each release have the fingerprint that was approved and released.
fn texts(archive: &Archive, zip: &mut Option<Zip>) -> Result<(Texts, Releases), Bad> {
    let (mut texts, mut releases) = (Texts::default(), Releases::new());
    let rows: Vec<ReleaseRow> = json_lines(archive, zip, name::RELEASES)?;
    for (number, release) in (1..).zip(rows) {
        let [definition, subject, text, html] = name::TEXTS.map(|file| format!("notice/{number}/{file}"));
        let mut files = None;
        if archive.has(&definition) {
            let mut read = |file: &str| -> Result<String, Bad> {
                String::from_utf8(archive.small(zip, file)?).map_err(|_| Bad::new(file, Fault::Malformed))
            };
            let source = NoticeSource {
                definition: read(&definition)?,
                subject: read(&subject)?,
                text: read(&text)?,
                html: read(&html)?,
            };
            if !texts.add(&release.fingerprint, &source) {
                return Err(Bad::new(&definition, Fault::AnotherText));
            }
            files = serde_json::to_string(&source).ok().map(|text| hex(&Sha256::digest(text.as_bytes())));
        }
        releases.insert((release.fingerprint, release.roster_hash), files);
    }
    Ok((texts, releases))
}

fn batches(archive: &Archive, zip: &mut Option<Zip>) -> Result<BTreeMap<String, BatchPaper>, Bad> {
    let rows: Vec<BatchPaper> = json_lines(archive, zip, name::BATCHES)?;
    if let Some((number, _)) = (1..).zip(&rows).find(|(_, row)| row.kind == "import" && !row.totals.add_up()) {
        return Err(Bad::line(name::BATCHES, number, Fault::Count));
    }
    Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
}

pub(super) fn csv_reader<'a>(from: Box<dyn BufRead + 'a>) -> csv::Reader<Box<dyn BufRead + 'a>> {
    csv::ReaderBuilder::new().from_reader(from)
}

/// The line of a record, the head's being 1. (The reader's own count of lines is behind where they end with CRLF.)
pub(super) fn line_of(position: Option<&csv::Position>) -> u64 {
    position.map_or(0, |position| position.record() + 1)
}

fn mails_of(archive: &Archive, zip: &mut Option<Zip>) -> Result<HashMap<(i64, i64), [u8; 16]>, Bad> {
    let mut marks = HashMap::new();
    let mut csv = csv_reader(archive.read(zip, name::MAILS)?);
    let mut record = csv::StringRecord::new();
    let mut last = (0, 0);
    while csv.read_record(&mut record).map_err(|_| Bad::new(name::MAILS, Fault::Malformed))? {
        let number = line_of(record.position());
        let mail = mails::Listed::read(&record).filter(|mail| (mail.member, mail.number) > last);
        let mail = mail.ok_or_else(|| Bad::line(name::MAILS, number, Fault::Malformed))?;
        last = (mail.member, mail.number);
        marks.insert(last, mail.mark());
    }
    Ok(marks)
}

impl Rows<'_> {
    /// The next row; `None` at the end.
    fn next(&mut self) -> Result<Option<Shown>, Bad> {
        self.number += 1;
        let malformed = || Bad::line(self.file, self.number, Fault::Malformed);
        if !line(&mut *self.from, &mut self.text).map_err(|_| malformed())? {
            return Ok(None);
        }
        let row: Shown = serde_json::from_slice(&self.text).map_err(|_| malformed())?;
        let same = serde_json::to_vec(&row).is_ok_and(|text| text == self.text);
        if same { Ok(Some(row)) } else { Err(malformed()) }
    }
}

/// Which seal covers an entry: its place among them.
struct Covered(Vec<(i64, i64, usize)>);

impl Covered {
    fn of(seals: &[Seal]) -> Self {
        let ranges = seals.iter().enumerate();
        let ranges = ranges.flat_map(|(at, seal)| seal.entries.as_slice().iter().map(move |(a, b)| (*a, *b, at)));
        let mut ranges: Vec<_> = ranges.collect();
        ranges.sort_unstable();
        Self(ranges)
    }

    fn seal(&self, seq: i64) -> Option<usize> {
        let at = self.0.partition_point(|(first, ..)| *first <= seq).checked_sub(1)?;
        self.0.get(at).filter(|(_, last, _)| *last >= seq).map(|(.., seal)| *seal)
    }
}

/// Walks through the ledger once, and beside it through the files with the rows that it names.
fn ledger(archive: &Archive, seals: &[Seal], papers: &mut Papers, verdict: &mut Verdict) -> Result<(), Bad> {
    let mut zips: [Option<Zip>; 5] = [const { None }; 5];
    let mut rows = Vec::new();
    for (zip, (kind, file)) in zips.iter_mut().zip(name::ROWS) {
        rows.push(Rows { kind, file, from: archive.read(zip, file)?, number: 0, text: Vec::new() });
    }
    let (covered, mut trees) = (Covered::of(seals), vec![Tree::default(); seals.len()]);
    let (mut zip, mut text, mut notice, mut last) = (None, Vec::new(), None, 0);
    let mut from = archive.read(&mut zip, name::LEDGER)?;
    for number in 1.. {
        let malformed = || Bad::line(name::LEDGER, number, Fault::Malformed);
        if !line(&mut *from, &mut text).map_err(|_| malformed())? {
            break;
        }
        let (seq, hash) = match serde_json::from_slice::<Front>(&text) {
            Ok(front) => {
                let of_ours =
                    front.notice.is_none() || front.notice == *notice.get_or_insert_with(|| front.notice.clone());
                if !of_ours {
                    return Err(malformed());
                }
                papers.compare(&front, &text, number, &mut rows)?;
                (front.seq, leaf(&text))
            }
            Err(_) => hidden(&text).ok_or_else(malformed)?,
        };
        if seq <= last {
            return Err(Bad::entry(name::LEDGER, number, seq, Fault::Malformed));
        }
        last = seq;
        verdict.entries += 1;
        match covered.seal(seq) {
            Some(seal) => trees[seal].push(hash),
            None => verdict.unsealed += 1,
        }
    }
    roots(seals, &trees)?;
    for rows in &mut rows {
        if let Some(row) = rows.next()? {
            return Err(Bad::entry(rows.file, rows.number, row.seq, Fault::NotTheLedgers));
        }
    }
    papers.all_found()
}

fn hidden(text: &[u8]) -> Option<(i64, Hash)> {
    let hidden: Hidden = serde_json::from_slice(text).ok()?;
    let same = serde_json::to_vec(&hidden).is_ok_and(|again| again == text);
    Some((hidden.seq, hash_of_hex(&hidden.leaf).filter(|_| same)?))
}

fn roots(seals: &[Seal], trees: &[Tree]) -> Result<(), Bad> {
    let wrong = seals.iter().zip(trees).find(|(seal, tree)| tree.root() != seal.root);
    wrong.map_or(Ok(()), |(seal, _)| {
        let seal_file = format!("{}.txt", name::seal(seal.number));
        Err(Bad { entry: seal.entries.first(), ..Bad::new(&seal_file, Fault::Root) })
    })
}

impl Papers {
    /// What an entry says stands in the other files, too.
    fn compare(&mut self, front: &Front, text: &[u8], number: u64, rows: &mut [Rows<'_>]) -> Result<(), Bad> {
        let told = || -> Result<Value, Bad> {
            let told: Result<Told, _> = serde_json::from_slice(text);
            told.map(|told| told.body).map_err(|_| Bad::line(name::LEDGER, number, Fault::Malformed))
        };
        if Placed::wants(&front.kind) {
            self.placed.take(&front.entry(&told()?));
        }
        match front.kind.as_str() {
            "import" => self.import(&told()?, (front.seq, number)),
            "release" => self.release(&told()?, (front.seq, number)),
            kind => match rows.iter_mut().find(|rows| rows.kind == kind) {
                Some(rows) => self.row(rows, front, text),
                None => Ok(()),
            },
        }
    }

    fn release(&mut self, body: &Value, (seq, number): (i64, u64)) -> Result<(), Bad> {
        let of = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let key = (of("fingerprint"), of("roster_hash"));
        // Entries of early versions do not name the files, and their rows may not be there.
        let noted = body["definition_sha256"].as_str();
        let Some(released) = self.releases.get(&key) else {
            let missing = Bad::entry(name::RELEASES, number, seq, Fault::NotTheLedgers);
            return if noted.is_some() { Err(missing) } else { Ok(()) };
        };
        let same = released.as_deref().zip(noted).is_none_or(|(files, noted)| files == noted);
        self.released.insert(key);
        if same { Ok(()) } else { Err(Bad::entry(name::RELEASES, number, seq, Fault::AnotherText)) }
    }

    fn import(&mut self, body: &Value, (seq, number): (i64, u64)) -> Result<(), Bad> {
        let bad = || Bad::entry(name::BATCHES, number, seq, Fault::NotTheLedgers);
        let batch = self.batches.remove(body["batch"].as_str().unwrap_or_default()).ok_or_else(bad)?;
        let totals = serde_json::to_value(batch.totals).map_err(|_| bad())?;
        let same = body["totals"] == totals && body["file_sha256"].as_str() == batch.file_sha256.as_deref();
        if same { Ok(()) } else { Err(bad()) }
    }

    /// The row that an entry names is the next one of its file, and makes exactly this line.
    fn row(&mut self, rows: &mut Rows<'_>, front: &Front, text: &[u8]) -> Result<(), Bad> {
        let row = rows.next()?;
        let bad = || Bad::entry(rows.file, rows.number, front.seq, Fault::NotTheLedgers);
        let notice = front.notice.as_deref().unwrap_or_default();
        let entry = row.and_then(|row| row.entry(rows.kind, notice)).ok_or_else(bad)?;
        if !entry.line(&self.pseudonyms).is_ok_and(|line| line == text) {
            return Err(bad());
        }
        self.placed.take(&entry);
        if let Body::Attempt(body) = &entry.body
            && let Some(intent) = &body.intent
        {
            let key = (entry.member_id.unwrap_or_default(), entry.number.unwrap_or_default());
            if self.mails.remove(&key) != Some(mails::mark_of(intent)) {
                return Err(Bad { entry: Some(front.seq), ..Bad::new(name::MAILS, Fault::NotTheLedgers) });
            }
        }
        Ok(())
    }

    /// Imports and releases that no entry tells of. A mail without an outcome is still on its way.
    fn all_found(&self) -> Result<(), Bad> {
        if self.batches.values().any(|batch| batch.kind == "import") {
            return Err(Bad::new(name::BATCHES, Fault::NotTheLedgers));
        }
        if self.releases.keys().all(|key| self.released.contains(key)) {
            Ok(())
        } else {
            Err(Bad::new(name::RELEASES, Fault::NotTheLedgers))
        }
    }
}

/// Rebuilds every mail, and counts them. Those whose address was purged cannot be.
fn rebuilt(archive: &Archive, texts: &Texts) -> Result<u64, Bad> {
    let (mut zips, mut rebuilt) = ([const { None }; 2], 0);
    let [of_roster, of_mails] = &mut zips;
    let mut roster = csv_reader(archive.read(of_roster, name::ROSTER)?).into_records();
    let mut mails = csv_reader(archive.read(of_mails, name::MAILS)?);
    let mut record = csv::StringRecord::new();
    let mut member: Option<roster::Listed> = None;
    while mails.read_record(&mut record).map_err(|_| Bad::new(name::MAILS, Fault::Malformed))? {
        let number = line_of(record.position());
        let another = || Bad::line(name::MAILS, number, Fault::AnotherMail);
        let mail = mails::Listed::read(&record).ok_or_else(another)?;
        while member.as_ref().is_none_or(|member| member.id < mail.member) {
            let next = roster.next().ok_or_else(another)?.map_err(|_| another())?;
            member = Some(roster::read(&next).ok_or_else(another)?);
        }
        let origin = mail.origin.as_ref().ok_or_else(another)?;
        if owabi_core::ids::is_pseudonym(&origin.email) {
            continue;
        }
        let of = member.as_ref().filter(|of| of.id == mail.member).and_then(|of| of.member.as_ref());
        let made = of.and_then(|of| texts.rebuild(of, std::slice::from_ref(origin), &mail.message_id, &mail.sha256));
        if !made.is_some_and(|made| made.equal) {
            return Err(another());
        }
        rebuilt += 1;
    }
    Ok(rebuilt)
}
