//! Before a release: every held row is rendered and guarded, and what was looked at is named by hashes.

use crate::cli::say::{Text, say};
use crate::config::Config;
use crate::library::LoadedNotice;
use owabi_core::address::Address;
use owabi_core::ids::{Keys, Subject, message_id_domain};
use owabi_core::lifecycle::Status;
use owabi_core::render::{Letter, RenderError, Renderer, Stamp};
use owabi_store::{MemberRow, PreflightRow, RosterHash, Store, StoreError};

/// Rows that are read together.
const PAGE: i64 = 1_000;
/// So many problems are listed; the count goes on.
const LISTED: usize = 100;

/// A row whose letter may not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    /// The member's number.
    pub member_no: String,
    /// Why, without name and address.
    pub reason: Text,
}

/// What a preflight found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rows rendered.
    pub rows: i64,
    /// Rows with a problem.
    pub problem_count: i64,
    /// The first of them.
    pub problems: Vec<RowProblem>,
    /// The largest mail in octets.
    pub largest: usize,
    /// Of template and facts.
    pub fingerprint: String,
    /// Of the held rows.
    pub roster_hash: String,
}

/// Renders every held row of the notice as it would be sent, and records the result. `progress` is told the rows done.
///
/// # Errors
/// `Unavailable`; `Row` names a row that cannot even be read.
pub async fn preflight(
    store: &Store,
    notice: &LoadedNotice,
    mailer: &Mailer<'_>,
    by: (&str, i64),
    progress: &dyn Fn(u64),
) -> Result<Report, StoreError> {
    let renderer = &notice.renderer;
    let notice_id = &renderer.definition().id;
    let (actor, at) = by;
    let mut report = Report { fingerprint: renderer.fingerprint_hex(), ..Report::default() };
    let mut roster = RosterHash::default();
    let mut after = 0;
    loop {
        let page = store.members_after(notice_id, after, Some(Status::Held), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for row in &page {
            roster.add(row);
            report.look_at(renderer, mailer, row, at);
        }
        progress(report.rows.unsigned_abs());
    }
    report.roster_hash = roster.finish().hash;
    let (fingerprint, roster_hash) = (report.fingerprint.clone(), report.roster_hash.clone());
    let (rows, problems) = (report.rows, report.problem_count);
    let record = PreflightRow { at, actor: actor.to_owned(), fingerprint, roster_hash, rows, problems };
    store.record_preflight(notice_id, &record).await?;
    crate::release::remember_parts(store, notice, &report).await?;
    Ok(report)
}

impl Report {
    fn look_at(&mut self, renderer: &Renderer, mailer: &Mailer<'_>, row: &MemberRow, at: i64) {
        self.rows += 1;
        match mailer.size(renderer, row, at) {
            Ok(octets) => self.largest = self.largest.max(octets),
            Err(reason) => {
                self.problem_count += 1;
                if self.problems.len() < LISTED {
                    self.problems.push(RowProblem { member_no: row.member.member_no.clone(), reason });
                }
            }
        }
    }
}

/// Writes the mail of one member as the dispatcher will.
#[derive(Clone, Copy, Debug)]
pub struct Mailer<'a> {
    /// The installation's secret.
    pub keys: &'a Keys,
    /// The domain of Message-IDs: that of the bounce address.
    pub domain: &'a str,
}

impl<'a> Mailer<'a> {
    /// The mailer of a configuration.
    pub fn new(config: &'a Config, keys: &'a Keys) -> Self {
        Self { keys, domain: message_id_domain(&config.smtp.bounce.address) }
    }

    /// The Message-ID, without angle brackets.
    pub fn message_id(&self, of: Subject<'_>) -> String {
        format!("{}@{}", self.keys.message_id(of), self.domain)
    }

    /// The size of a row's mail, or why it may not leave.
    fn size(&self, renderer: &Renderer, row: &MemberRow, at: i64) -> Result<usize, Text> {
        if let Some(why) = &row.unreadable {
            return Err(why.clone());
        }
        let email = row.member.email.as_deref().ok_or_else(no_address)?;
        let address = Address::from_stored(email).map_err(|_| not_normal())?;
        let notice_id = &renderer.definition().id;
        let message_id = self.message_id(Subject { notice_id, member_id: row.id, round: row.round });
        if address.needs_smtputf8() {
            return guarded(renderer, row)
                .map(|letter| letter.text.len() + letter.html.len())
                .map_err(|error| error.text());
        }
        let stamp = Stamp { to: &address.envelope(), message_id: &message_id, dated_at_ms: at };
        renderer.mail(&row.member, &stamp).map(|mail| mail.bytes.len()).map_err(|error| error.text())
    }
}

fn no_address() -> Text {
    say!(ja: "解禁を待つ行(held)なのに、アドレスがありません。", en: "the row is held and has no address")
}

fn not_normal() -> Text {
    say!(ja: "アドレスが、取り込んだときの形(正規形)になっていません。", en: "the address is not in normal form")
}

/// Whether the relay takes such an address is known only when it is asked; the letter itself must be right.
fn guarded(renderer: &Renderer, row: &MemberRow) -> Result<Letter, RenderError> {
    let letter = renderer.letter(&row.member)?;
    let problems = renderer.guard(&row.member, &letter);
    if problems.is_empty() { Ok(letter) } else { Err(RenderError::Guard(problems)) }
}
