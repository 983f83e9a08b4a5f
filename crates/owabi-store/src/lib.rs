//! All SQL of owabi. One text for both databases, one file a verb under `sql/`, one Rust function a verb.
//!
//! Times are epoch milliseconds and always an argument. Whatever belongs together is one transaction: a group of
//! intents and outcomes, the take-over of ended leases, an import, a release with its ledger entry.

mod control;
mod copy;
mod correction;
mod dispatch;
mod error;
mod fleet;
mod import;
mod log;
mod open;
mod postgres;
mod receipts;
mod record;
mod recording;
mod resend;
mod resolve;
mod roster;
mod rows;
mod selection;
mod sources;
mod sql;
mod standing;
mod substitutes;
mod take_over;
mod tx;
mod unreachable;

pub use control::{Approval, NoticeRow, PreflightRow, ReleaseRecord};
pub use copy::{CopiedTable, CopyError, Copying};
pub use correction::{Correction, CorrectionRow};
pub use dispatch::Claimed;
pub use error::{Setup, StoreError, Trouble};
pub use fleet::{Beat, DaemonRow, FORGET_MS, News};
pub use import::{BatchRecord, Finding, Import, KnownRow, MergedRow, NewRow, Totals};
pub use log::{LogFilter, LogRow};
pub use open::{OpenOptions, Store};
pub use postgres::{Durability, PostgresOptions, Server, Tls, postgres_url_problem};
pub use receipts::{ArrivalRow, ByPerson, MemberChange, NewReceipt, ReceiptRow, Received};
pub use record::{Claim, Group, Intent, Recorded, Settle};
pub use resend::{Chosen, RESEND_CLASSES, ResendBatch, ResendRequest, ResendRow};
pub use resolve::Resolution;
pub use roster::{Roster, RosterHash};
pub use rows::MemberRow;
pub use selection::Selection;
pub use sources::{ArrivalCount, SourceName, SourceRow};
pub use standing::{MemberStanding, SentMail};
pub use substitutes::{NewSubstitute, Publication, SubstituteRow};
pub use take_over::LeftBehind;
pub use unreachable::{Unreached, UnreachedRow};

#[cfg(test)]
mod migration_tests;
#[cfg(test)]
#[path = "../../../tests/support/postgres.rs"]
#[expect(dead_code, reason = "these tests share one server and leave it running")]
mod private_postgres;
