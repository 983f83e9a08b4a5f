//! A roster's way into the queue: streamed in chunks, merged by member number, one transaction.

mod chunk;
mod findings;
mod given_back;
mod outside;
mod source;

pub use findings::{Found, WithdrawnLines};
pub(crate) use given_back::is_same_file;
pub use outside::Outside;

use chunk::{Chunk, Merged};
use findings::Findings;
use given_back::{Finished, GivenBack, RefusedLine};
use owabi_core::address::Lang;
use owabi_core::roster::{Detected, Line, RosterError, RosterOptions, RosterReader, Verdict};
use owabi_store::{BatchRecord, Import, Store, StoreError, Totals};

use outside::Counts;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Lines that are looked up and written together.
const CHUNK: usize = 2_000;

/// Why an import did not happen. Nothing of it is in the database, but for [`ImportError::GivenBack`].
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is no roster, or ends inside a field.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// A file cannot be opened, read or written.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// The import is done, and a file of refused lines, or of those not affected, could not get its name.
    #[error("imported, but {0} cannot be written: {1}")]
    GivenBack(String, std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lines read are not the sum of what became of them: a defect.
    #[error("the lines do not add up: {0:?}")]
    DoesNotAddUp(Totals),
}

/// What is imported, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The roster.
    pub file: PathBuf,
    /// The notice.
    pub notice_id: String,
    /// Its title.
    pub notice_title: String,
    /// Encoding, delimiter, columns and cohorts.
    pub options: RosterOptions,
    /// Who asks.
    pub actor: String,
    /// When (epoch milliseconds).
    pub at: i64,
    /// Count exactly and leave the database as it was.
    pub dry_run: bool,
    /// Members who were withdrawn before any release are held again, as the roster has them.
    pub take_in_withdrawn: bool,
    /// Where refused lines go, with their numbers and reasons; a dry run writes nothing.
    pub refused: Option<PathBuf>,
    /// Where the lines that are not affected go, likewise.
    pub not_affected: Option<PathBuf>,
    /// The language of findings and of these files.
    pub lang: Lang,
}

/// What became of a roster.
#[derive(Clone, Debug)]
pub struct Report {
    /// The arithmetic; it adds up.
    pub totals: Totals,
    /// The lines that are not affected, by the reason; their sum is in the totals.
    pub outside: Vec<Outside>,
    /// The batch: this import's, or the earlier one of the same file; `None` for a dry run.
    pub batch: Option<String>,
    /// The file was imported before, and nothing is new in it.
    pub same_file: bool,
    /// The encoding, and why.
    pub encoding: Detected,
    /// The first findings.
    pub findings: Vec<Found>,
    /// How many findings of each kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// The lines of members who were withdrawn.
    pub withdrawn: WithdrawnLines,
    /// Addresses that several members share; each of them gets their own mail.
    pub shared_addresses: i64,
}

/// Reads the roster into the queue. `progress` is told how many bytes are read.
///
/// # Errors
/// See [`ImportError`]; the database is then as it was.
pub async fn import(store: &Store, request: &Request, progress: &dyn Fn(u64)) -> Result<Report, ImportError> {
    let sha256 = source::sha256(&request.file).map_err(|error| in_file(&request.file, error))?;
    let earlier = store.batch_of_file(&request.notice_id, &sha256).await?;
    let (source, read) = source::Counted::open(&request.file).map_err(|error| in_file(&request.file, error))?;
    let mut roster = RosterReader::new(source, &request.options)?;
    let encoding = roster.encoding();
    let mut pass = Pass::begin(store, request, &roster, batch(request, sha256, encoding)).await?;
    loop {
        let lines: Vec<Line> = roster.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
        progress(read.get());
        if lines.is_empty() {
            break;
        }
        pass.take(lines).await?;
    }
    pass.finish(request.dry_run, earlier, encoding).await
}

fn batch(request: &Request, file_sha256: String, encoding: Detected) -> BatchRecord {
    let file_name = request.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    BatchRecord {
        id: uuid::Uuid::now_v7().to_string(),
        notice_id: request.notice_id.clone(),
        notice_title: request.notice_title.clone(),
        actor: request.actor.clone(),
        file_name,
        file_sha256,
        encoding: encoding.encoding.name().to_owned(),
        at: request.at,
    }
}

/// One reading of the file inside one transaction.
struct Pass {
    import: Import,
    batch: String,
    order: Vec<String>,
    totals: Totals,
    outside: Counts,
    findings: Findings,
    lang: Lang,
    take_in: bool,
    refused: Option<GivenBack>,
    not_affected: Option<GivenBack>,
}

impl Pass {
    async fn begin(
        store: &Store,
        request: &Request,
        roster: &RosterReader<source::Counted>,
        batch: BatchRecord,
    ) -> Result<Self, ImportError> {
        let file = |name: &Option<PathBuf>| {
            let wanted = name.as_ref().filter(|_| !request.dry_run);
            wanted.map(|name| GivenBack::create(name, &batch.id, roster.headers(), request.lang)).transpose()
        };
        Ok(Self {
            refused: file(&request.refused)?,
            not_affected: file(&request.not_affected)?,
            batch: batch.id.clone(),
            import: store.begin_import(batch).await?,
            order: request.options.cohorts.iter().map(|cohort| cohort.id.clone()).collect(),
            totals: Totals::default(),
            outside: Counts::default(),
            findings: Findings::new(request.lang),
            lang: request.lang,
            take_in: request.take_in_withdrawn,
        })
    }

    async fn take(&mut self, lines: Vec<Line>) -> Result<(), ImportError> {
        let mut chunk = Chunk { take_in: self.take_in, ..Chunk::default() };
        let mut refused = Vec::new();
        self.totals.lines += i64::try_from(lines.len()).unwrap_or(i64::MAX);
        for Line { number, verdict } in lines {
            match verdict {
                Verdict::Affected(entry) => chunk.entries.push((number, entry)),
                Verdict::NotAffected { why, value, raw } => {
                    self.totals.not_affected += 1;
                    self.outside.add(why, value);
                    if let Some(file) = &mut self.not_affected {
                        file.write(number, why.text(self.lang), &raw)?;
                    }
                }
                Verdict::Refused { reason, raw } => refused.push(RefusedLine { number, reason, raw }),
            }
        }
        let nos: Vec<&str> = chunk.entries.iter().map(|(_, entry)| entry.member.member_no.as_str()).collect();
        let known = self.import.known(&nos).await?;
        let Merged { new, changed, taken_in, others } =
            chunk.merge(known, &self.order, &mut self.totals, &mut self.findings);
        refused.extend(others);
        self.refuse(refused)?;
        self.import.write(&new, &changed).await?;
        self.import.take_in(&taken_in).await?;
        Ok(self.import.note(&self.findings.take_new()).await?)
    }

    /// Keeps refused lines in the file's order.
    fn refuse(&mut self, mut lines: Vec<RefusedLine>) -> Result<(), ImportError> {
        lines.sort_by_key(|line| line.number);
        for RefusedLine { number, reason, raw } in lines {
            self.totals.refused += 1;
            if let Some(file) = &mut self.refused {
                file.write(number, &reason.text(self.lang), &raw)?;
            }
            self.findings.refused(number, &reason, &raw);
        }
        Ok(())
    }

    async fn finish(
        mut self,
        dry_run: bool,
        earlier: Option<String>,
        encoding: Detected,
    ) -> Result<Report, ImportError> {
        let files = [self.refused.take(), self.not_affected.take()].into_iter().flatten();
        let files: Vec<Finished> = files.map(GivenBack::finish).collect::<Result<_, _>>()?;
        let totals = self.totals;
        if !totals.add_up() {
            self.import.roll_back().await?;
            return Err(ImportError::DoesNotAddUp(totals));
        }
        let shared_addresses = self.import.shared_addresses().await?;
        let nothing_new = totals.imported + totals.merged + totals.unreachable == 0;
        let same_file = earlier.is_some() && nothing_new;
        let batch = match earlier.filter(|_| same_file) {
            Some(first) => Some(first),
            None => Some(self.batch).filter(|_| !dry_run),
        };
        if dry_run || same_file {
            self.import.roll_back().await?;
        } else {
            self.import.commit(totals).await?;
        }
        files.into_iter().try_for_each(Finished::keep)?;
        let (findings, kinds, withdrawn) = self.findings.into_parts();
        let outside = self.outside.into_outside();
        Ok(Report { totals, outside, batch, same_file, encoding, findings, kinds, withdrawn, shared_addresses })
    }
}

fn in_file(file: &Path, error: std::io::Error) -> ImportError {
    ImportError::File(file.display().to_string(), error)
}
