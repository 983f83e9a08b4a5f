//! All SQL of owabi. One text for both databases, one file a verb under `sql/`, one Rust function a verb.
//!
//! Times are epoch milliseconds and always an argument. Whatever belongs together is one transaction: a group of
//! intents and outcomes, the take-over of ended leases, an import, a release with its ledger entry.

mod backup;
mod control;
mod copy;
mod correction;
mod dispatch;
mod error;
mod evidence;
mod fleet;
mod import;
mod ledger;
mod log;
mod open;
mod people;
mod postgres;
mod purge;
mod receipts;
mod record;
mod recording;
mod report;
mod resend;
mod resolve;
mod roster;
mod rows;
mod seals;
mod selection;
mod sources;
mod sql;
mod standing;
mod substitutes;
mod take_over;
mod tx;
mod unreachable;
mod watch;

pub use backup::Pages;
pub use control::{Approval, NoticeRow, PreflightRow, ReleaseRecord, VoidApproval, policy_hash};
pub use copy::{CopiedTable, CopyError, Copying};
pub use correction::{Correction, CorrectionRow};
pub use dispatch::Claimed;
pub use error::{Setup, StoreError, Trouble, unreadable_row};
pub use evidence::{ApprovalRow, BatchPaper, Pasts, ReleaseRow, RosterRow, Snapshot};
pub use fleet::{Beat, DaemonRow, FORGET_MS, News};
pub use import::{BatchRecord, Finding, Import, KnownRow, MergedRow, NewRow, Totals};
pub use ledger::{Beside, LedgerRow, Loose, MemberPlace, OtherAddress, WrongTrigger};
pub use log::{LogFilter, LogRow};
pub use open::{OpenOptions, Store};
pub use people::{User, UserChange, UserRefused};
pub use postgres::{Durability, PostgresOptions, Server, Tls, postgres_url_problem};
pub use purge::{Keyed, Retention};
pub use receipts::{ArrivalRow, ByPerson, MemberChange, NewReceipt, ReceiptRow, Received};
pub use record::{Claim, Grant, Group, Intent, Recorded, Settle};
pub use report::{
    ApprovedRow, BatchRow, EventRow, MembersRow, PublicationRow, ReleasedRow, ReportRows, ResentRow, RestsOn, SealHead,
    SubstitutesRow, ToldRow,
};
pub use resend::{Chosen, RESEND_CLASSES, ResendBatch, ResendRequest, ResendRow};
pub use resolve::Resolution;
pub use roster::{Roster, RosterHash};
pub use rows::MemberRow;
pub use seals::Transactions;
pub use selection::Selection;
pub use sources::{ArrivalCount, SourceName, SourceRow};
pub use standing::{MemberStanding, SentMail};
pub use substitutes::{NewSubstitute, Publication, SubstituteRow};
pub use take_over::LeftBehind;
pub use unreachable::{Unreached, UnreachedRow};
pub use watch::CanaryClaim;

#[cfg(test)]
mod migration_tests;
#[cfg(test)]
#[path = "../../../tests/support/postgres.rs"]
#[expect(dead_code, reason = "these tests share one server and leave it running")]
mod private_postgres;
