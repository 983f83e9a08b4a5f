//! The report on one notice: who was told, who was not, and whether all of it adds up to the roster.
//!
//! [`Report`] is counted once; [`sections`] says it in both languages, and [`text`] and [`html`] write the same sections.

mod chart;
mod document;
mod figures;
pub mod html;
mod pauses;
mod sections;
#[cfg(test)]
mod tests;
pub mod text;
mod words;

pub(crate) use figures::refused_lines;
pub use figures::{Figures, Imported, Notified};
pub use sections::{Block, Cell, Row, Section, Table, Weight, sections};

use crate::quiet::Silence;
use owabi_core::yaml::Span;
use owabi_store::{ReportRows, Snapshot, Store, StoreError};
use serde_json::Value;

/// A notice as of one moment, with what the report says beside the database's counts.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the database counted, within one snapshot.
    pub rows: ReportRows,
    /// The sums, and what does not add up.
    pub figures: Figures,
    /// Who sends the notice; empty when its file is not there any more.
    pub issuer: String,
    /// The day up to which bounces were watched for; `None`: silence says nothing.
    pub watched_until: Option<String>,
    /// When and by whom; `None` in a bundle of evidence, whose ledger tells of both.
    pub made: Option<Made>,
}

/// The making of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// When (epoch milliseconds).
    pub at: i64,
    /// By whom.
    pub by: String,
}

/// Of members accepted until then silence says something.
fn accepted_by(silence: Option<Silence>) -> i64 {
    silence.map_or(i64::MIN, Silence::accepted_by)
}

impl Report {
    /// Reads everything about a notice; `None` when there is no such notice. `quiet` is how long silence must last.
    ///
    /// # Errors
    /// `Unavailable`; `Row` when a status is no status.
    pub async fn read(
        store: &Store,
        notice_id: &str,
        quiet: Span,
        (issuer, made_by, made_at): (String, String, i64),
    ) -> Result<Option<Self>, StoreError> {
        let silence = Silence::of(&store.sources().await?, quiet);
        let rows = store.report(notice_id, accepted_by(silence)).await?;
        let made = Some(Made { at: made_at, by: made_by });
        Ok(rows.map(|rows| Self::of(rows, silence, issuer, made)))
    }

    /// The report of a bundle: of exactly the state that the bundle is of, and the same each time that it is made.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn of_snapshot(
        store: &Store,
        snapshot: &mut Snapshot,
        notice_id: &str,
        quiet: Span,
        issuer: String,
    ) -> Result<Option<Self>, StoreError> {
        let silence = Silence::of(&store.sources().await?, quiet);
        let rows = snapshot.report(notice_id, accepted_by(silence)).await?;
        Ok(rows.map(|rows| Self::of(rows, silence, issuer, None)))
    }

    fn of(rows: ReportRows, silence: Option<Silence>, issuer: String, made: Option<Made>) -> Self {
        let figures = Figures::of(&rows);
        Self { rows, figures, issuer, watched_until: silence.map(Silence::day), made }
    }

    /// The document of `report --json`.
    pub fn document(&self) -> Value {
        document::of(self)
    }

    /// SHA-256 of the newest seal's text, in hex.
    fn seal_hash(&self) -> Option<String> {
        use sha2::{Digest, Sha256};
        use std::fmt::Write;
        let seal = self.rows.seal.as_ref()?;
        let hash = Sha256::digest(seal.text.as_bytes());
        Some(hash.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}
