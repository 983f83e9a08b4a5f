//! One person of one notice: what the database knows.

use super::next::Next;
use crate::cli::exit::Failure;
use crate::cli::substitute;
use crate::japan;
use crate::quiet::Silence;
use owabi_core::lifecycle::Status;
use owabi_core::notice::Window;
use owabi_core::watch;
use owabi_store::{
    CorrectionRow, LogFilter, LogRow, MemberRow, MemberStanding, NoticeRow, ReceiptRow, ResendRow, Store, SubstituteRow,
};
use serde_json::{Value, json};

/// Attempts are read so many at a time.
const PAGE: i64 = 100;

/// One person.
pub(super) struct Person {
    pub(super) notice: NoticeRow,
    pub(super) standing: MemberStanding,
    pub(super) name: String,
    pub(super) given_email: Option<String>,
    pub(super) attempts: Vec<LogRow>,
    pub(super) receipts: Vec<ReceiptRow>,
    pub(super) resends: Vec<ResendRow>,
    pub(super) corrections: Vec<CorrectionRow>,
    pub(super) substitutes: Vec<SubstituteRow>,
    /// The day up to which no bounce came.
    pub(super) no_bounce_by: Option<String>,
    /// The notice's hours, and when it is now (epoch milliseconds).
    pub(super) hours: Option<(Window, i64)>,
}

impl Person {
    /// Reads what belongs to `row` of `notice`; `None` when it is gone.
    pub(super) async fn read(
        store: &Store,
        notice: &NoticeRow,
        row: MemberRow,
        silence: Option<Silence>,
    ) -> Result<Option<Self>, Failure> {
        let id = row.id;
        let Some(standing) = store.standings(&[id]).await?.pop() else { return Ok(None) };
        let entries = entries(store, id).await?;
        let accepted = standing.status == Status::Accepted;
        let quiet = silence.filter(|silence| accepted && silence.covers(standing.updated_at));
        Ok(Some(Self {
            notice: notice.clone(),
            name: row.member.name,
            given_email: entries.first().and_then(|entry| entry.given_email.clone()),
            // Somebody without any attempt has one line that says so.
            attempts: entries.into_iter().filter(|entry| entry.attempt > 0).collect(),
            receipts: store.receipts_of(id).await?,
            resends: store.resends_of(id).await?,
            corrections: store.corrections_of(id).await?,
            substitutes: store.substitutes_of(&[id]).await?,
            no_bounce_by: quiet.map(Silence::day),
            hours: None,
            standing,
        }))
    }

    /// What happens next.
    pub(super) fn next(&self) -> Next {
        let MemberStanding { status, due_at, reason, updated_at, .. } = &self.standing;
        let corrected = self.corrections.iter().any(|one| one.at >= *updated_at);
        let told_otherwise = self.substitutes.iter().any(|one| one.revoked_by.is_none());
        let due_at = due_at.map(|due| if *status == Status::Queued { self.within_hours(due) } else { due });
        Next::of(*status, due_at, reason.as_deref(), &self.notice.state).after(corrected, told_otherwise)
    }

    /// When a mail that is due then can leave.
    fn within_hours(&self, due: i64) -> i64 {
        let leaves = self.hours.and_then(|(window, now)| watch::opens_at(Some(window), due.max(now)));
        leaves.unwrap_or(due)
    }

    /// Since when the status is what it is; a row that another system wrote and owabi did not touch yet has no time.
    pub(super) fn since(&self) -> Option<i64> {
        Some(self.standing.updated_at).filter(|at| *at != 0)
    }

    /// Of the newest mail that may have left, without angle brackets.
    pub(super) fn message_id(&self) -> Option<&str> {
        self.standing.sent.last().map(|mail| mail.message_id.as_str())
    }

    /// All of `member show --json`.
    pub(super) fn document(&self) -> Result<Value, Failure> {
        let MemberStanding { member_no, email, status, reason, round, possible_duplicate, due_at, .. } = &self.standing;
        let member = json!({
            "notice": self.notice.id,
            "title": self.notice.title,
            "notice_state": self.notice.state,
            "member_no": member_no,
            "name": self.name,
            "email": email,
            "given_email": self.given_email,
            "status": status.as_str(),
            "reason": reason,
            "since": self.since().map(japan::iso),
            "round": round,
            "possible_duplicate": possible_duplicate,
            "due_at": due_at.map(japan::iso),
            "message_id": self.message_id(),
            "no_bounce_by": self.no_bounce_by,
            "next": self.next().as_str(),
        });
        let attempts = self.attempts.iter().map(|row| timed(row, row.at, None));
        let receipts = self.receipts.iter().map(|row| timed(row, row.at, row.reported_at));
        let resends = self.resends.iter().map(|row| timed(row, row.at, None));
        let corrections = self.corrections.iter().map(|row| timed(row, row.at, None));
        Ok(json!({
            "member": member,
            "attempts": attempts.collect::<Result<Vec<_>, _>>()?,
            "receipts": receipts.collect::<Result<Vec<_>, _>>()?,
            "resends": resends.collect::<Result<Vec<_>, _>>()?,
            "corrections": corrections.collect::<Result<Vec<_>, _>>()?,
            "substitutes": self.substitutes.iter().map(substitute::document).collect::<Vec<_>>(),
        }))
    }
}

/// A row with its times as people read them.
fn timed(row: &impl serde::Serialize, at: i64, reported_at: Option<i64>) -> Result<Value, Failure> {
    let mut document = serde_json::to_value(row).map_err(std::io::Error::from)?;
    document["at"] = json!(japan::iso(at));
    if document.get("reported_at").is_some() {
        document["reported_at"] = json!(reported_at.map(japan::iso));
    }
    Ok(document)
}

/// The delivery log of one row.
async fn entries(store: &Store, id: i64) -> Result<Vec<LogRow>, Failure> {
    let (mut entries, mut after) = (Vec::new(), (id, -1));
    let own = LogFilter { members: Some(vec![id]), ..LogFilter::default() };
    loop {
        let page = store.log_after(&own, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(entries) };
        after = (id, last.attempt);
        entries.extend(page);
    }
}
