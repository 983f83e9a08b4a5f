//! All SQL of owabi. One text for both databases, one file a verb under `sql/`, one Rust function a verb.
//!
//! Times are epoch milliseconds and always an argument. Whatever belongs together is one transaction: a claim with the
//! take-over of ended leases, a group of intents and outcomes, an import, a release with its ledger entry.

mod control;
mod dispatch;
mod error;
mod import;
mod log;
mod open;
mod restart;
mod roster;
mod rows;
mod sql;

pub use control::{Approval, NoticeRow, PreflightRow, ReleaseRecord};
pub use dispatch::{Claimed, Group, Intent, Recorded, Settle};
pub use error::StoreError;
pub use import::{BatchRecord, Finding, Import, KnownRow, MergedRow, NewRow, Totals};
pub use log::{LogFilter, LogRow};
pub use open::{OpenOptions, Store};
pub use restart::LeftBehind;
pub use roster::{Roster, RosterHash};
pub use rows::MemberRow;
