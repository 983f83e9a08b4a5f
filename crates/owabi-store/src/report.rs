//! What a report on one notice is made of: counts of one moment, never a name or an address.

mod read;

use crate::control::NoticeRow;
use crate::error::StoreError;
use crate::evidence::Snapshot;
use crate::import::Totals;
use crate::open::Store;
use crate::tx::Tx;
use owabi_core::lifecycle::Status;

/// Everything that a report needs of one notice, as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRows {
    /// The notice.
    pub notice: NoticeRow,
    /// Its imports and resends, oldest first.
    pub batches: Vec<BatchRow>,
    /// Its members, counted.
    pub members: Vec<MembersRow>,
    /// When those were told who are told now.
    pub told: Vec<ToldRow>,
    /// Its releases, oldest first.
    pub releases: Vec<ReleasedRow>,
    /// Who approved what, oldest first.
    pub approvals: Vec<ApprovedRow>,
    /// What was done for members instead of a mail.
    pub substitutes: Vec<SubstitutesRow>,
    /// Where and when it was published, oldest first.
    pub publications: Vec<PublicationRow>,
    /// What became of those who were sent to again.
    pub resent: Vec<ResentRow>,
    /// What stopped it, let it go on, or took members out of it, oldest first.
    pub events: Vec<EventRow>,
    /// The newest seal of the whole ledger.
    pub seal: Option<SealHead>,
}

/// An entry of the ledger that tells of a pause, a resumption, a withdrawal or a canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// When (epoch milliseconds).
    pub at: i64,
    /// Who; `owabi` when it was nobody.
    pub actor: String,
    /// `paused`, `released` (again), `withdrawn`, `withdraw_members`, `canary_passed`.
    pub kind: String,
    /// The particulars, as JSON.
    pub body: String,
}

/// One import or resend. Of a resend the counts of lines are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchRow {
    /// Its id.
    pub id: String,
    /// `import` or `resend`.
    pub kind: String,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// JSON that says whom a resend was for.
    pub selection: Option<String>,
    /// The imported file's name.
    pub file_name: Option<String>,
    /// Of the file.
    pub file_sha256: Option<String>,
    /// What became of the file's lines.
    pub totals: Totals,
    /// When (epoch milliseconds).
    pub at: i64,
}

/// So many members of one batch stand at one status for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersRow {
    /// The import; `None`: another system wrote the rows itself.
    pub batch_id: Option<String>,
    /// Where they stand.
    pub status: Status,
    /// Why.
    pub reason: Option<String>,
    /// The mail may have been sent twice.
    pub possible_duplicate: bool,
    /// Accepted long enough ago, and no bounce came.
    pub quiet: bool,
    /// How many.
    pub count: i64,
}

/// So many members were told within one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldRow {
    /// Minutes since the epoch; `None`: no mail of theirs is on record.
    pub minute: Option<i64>,
    /// How many.
    pub count: i64,
    /// The first of them (epoch milliseconds).
    pub first: Option<i64>,
    /// The last of them (epoch milliseconds).
    pub last: Option<i64>,
}

/// One release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasedRow {
    /// When (epoch milliseconds).
    pub at: i64,
    /// Who.
    pub actor: String,
    /// Of template and facts.
    pub fingerprint: String,
    /// Of the rows that were released.
    pub roster_hash: String,
    /// How many rows.
    pub members: i64,
    /// What it rests on; `None` when the ledger does not tell.
    pub rests_on: Option<RestsOn>,
}

/// Whose approvals, under which policy, a release rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestsOn {
    /// Who approved.
    pub approvers: Vec<String>,
    /// Of the sending policy, lower-case hexadecimal.
    pub policy_hash: String,
}

impl ReleasedRow {
    /// Those of `approvals` that the release rests on: of its words, rows and policy, by those whom it names, each of them once.
    pub fn approvals<'a>(&self, approvals: &'a [ApprovedRow]) -> Vec<&'a ApprovedRow> {
        let mut of_it: Vec<&ApprovedRow> = Vec::new();
        for one in approvals.iter().filter(|one| self.is_of(one)) {
            if !of_it.iter().any(|other| other.actor == one.actor) {
                of_it.push(one);
            }
        }
        of_it
    }

    fn is_of(&self, one: &ApprovedRow) -> bool {
        let named = self.rests_on.as_ref().is_none_or(|on| {
            on.approvers.contains(&one.actor) && one.policy_hash.as_ref().is_none_or(|hash| *hash == on.policy_hash)
        });
        named && (&one.fingerprint, &one.roster_hash) == (&self.fingerprint, &self.roster_hash)
    }
}

/// One approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovedRow {
    /// When (epoch milliseconds).
    pub at: i64,
    /// Who.
    pub actor: String,
    /// Of template and facts.
    pub fingerprint: String,
    /// Of the rows that were looked at.
    pub roster_hash: String,
    /// Of the sending policy; `None`: the approval is of before it was named.
    pub policy_hash: Option<String>,
}

/// For so many members of one status something was done instead of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubstitutesRow {
    /// Where they stand.
    pub status: Status,
    /// `letter`, `telephone`, `visit`, `other`; empty: in any way, each of them once.
    pub kind: String,
    /// How many.
    pub count: i64,
}

/// One publication for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationRow {
    /// Where.
    pub url: Option<String>,
    /// From this day on.
    pub on_day: String,
    /// To this day; `None`: no end is recorded.
    pub until_day: Option<String>,
    /// Who recorded it.
    pub actor: String,
    /// When that was (epoch milliseconds).
    pub at: i64,
}

/// What became of so many members of one resend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResentRow {
    /// The resend.
    pub batch_id: String,
    /// Where they stand; `None`: they were sent to once more since then.
    pub status: Option<Status>,
    /// How many.
    pub count: i64,
}

/// A seal's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealHead {
    /// 1, 2, …
    pub number: i64,
    /// When (epoch milliseconds).
    pub at: i64,
    /// What was signed.
    pub text: String,
}

impl Store {
    /// The imports and resends of a notice, oldest first; of all notices when `notice_id` is empty.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn batches(&self, notice_id: &str) -> Result<Vec<BatchRow>, StoreError> {
        read::batches(&mut self.begin_to_read().await?, notice_id).await
    }

    /// Everything that a report on a notice counts, as of one moment; `None` when there is no such notice. Of members
    /// accepted until `accepted_by` (epoch milliseconds) silence says that no bounce came.
    ///
    /// # Errors
    /// `Unavailable`; `Row` when a status is no status.
    pub async fn report(&self, notice_id: &str, accepted_by: i64) -> Result<Option<ReportRows>, StoreError> {
        let mut tx = self.begin_to_read().await?;
        let rows = rows(&mut tx, notice_id, accepted_by).await?;
        tx.roll_back().await?;
        Ok(rows)
    }
}

impl Snapshot {
    /// As [`Store::report`], of the state that the snapshot is of.
    ///
    /// # Errors
    /// As [`Store::report`].
    pub async fn report(&mut self, notice_id: &str, accepted_by: i64) -> Result<Option<ReportRows>, StoreError> {
        rows(&mut self.tx, notice_id, accepted_by).await
    }
}

async fn rows(tx: &mut Tx, notice_id: &str, accepted_by: i64) -> Result<Option<ReportRows>, StoreError> {
    let Some(notice) = read::notice(tx, notice_id).await? else { return Ok(None) };
    Ok(Some(ReportRows {
        notice,
        batches: read::batches(tx, notice_id).await?,
        members: read::members(tx, notice_id, accepted_by).await?,
        told: read::told(tx, notice_id).await?,
        releases: read::releases(tx, notice_id).await?,
        approvals: read::approvals(tx, notice_id).await?,
        substitutes: read::substitutes(tx, notice_id).await?,
        publications: read::publications(tx, notice_id).await?,
        resent: read::resent(tx, notice_id).await?,
        events: read::events(tx, notice_id).await?,
        seal: read::seal(tx).await?,
    }))
}
