//! What came back after the relay's 250: receipts, and what arrived and is kept whole.

use crate::error::StoreError;
use crate::open::{Store, on_both, on_both_in_time};
use crate::sql::{
    ARRIVAL_CONTENT, ARRIVAL_UPSERT, ARRIVALS_LATE, CLEAR_AFTER_PURGE, KNOWN_EVIDENCE, LEDGER_APPEND, RECEIPT_INSERT,
    RECEIPT_MEMBERS, RECEIPTS_OF, json_rows,
};
use owabi_core::lifecycle::Status;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::Row;
use std::collections::HashMap;

/// One receipt to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReceipt {
    /// The row's id.
    pub member_id: i64,
    /// The round it speaks of, when that is known.
    pub round: Option<i64>,
    /// The attempt it speaks of, when that is known.
    pub number: Option<i64>,
    /// The time that the evidence itself names (epoch milliseconds).
    pub reported_at: Option<i64>,
    /// Where it came from.
    pub source: String,
    /// SHA-256 of the mail or of the log's line.
    pub evidence: String,
    /// The place within the evidence, from 0; of a person's word the member's row.
    pub part: i64,
    /// token, envid, `message_id`, `queue_id`, recipient, person.
    pub matched_by: &'static str,
    /// `owabi_core::receipt::Says`.
    pub says: &'static str,
    /// Of whom it speaks.
    pub recipient: Option<String>,
    /// The enhanced status code.
    pub status: Option<String>,
    /// Why it failed, in one word.
    pub reason: Option<String>,
    /// The server's words.
    pub detail: Option<String>,
    /// The relay's queue id, from its log.
    pub queue_id: Option<String>,
    /// The row's status before and after.
    pub change: (Status, Status),
}

impl NewReceipt {
    fn row(&self) -> Value {
        json!([
            self.member_id,
            self.round,
            self.number,
            self.reported_at,
            self.source,
            self.evidence,
            self.part,
            self.matched_by,
            self.says,
            self.recipient,
            self.status,
            self.reason,
            self.detail,
            self.queue_id,
            self.change.0.as_str(),
            self.change.1.as_str()
        ])
    }
}

/// Receipts as one parameter.
pub(crate) fn receipt_rows<'a>(receipts: impl IntoIterator<Item = &'a NewReceipt>) -> String {
    json_rows(receipts.into_iter().map(NewReceipt::row))
}

/// What the receipts make of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// The row's id.
    pub id: i64,
    /// Its fencing token when that was decided.
    pub fence: i64,
    /// Its status when that was decided.
    pub before: Status,
    /// Its status from now on.
    pub after: Status,
    /// Why.
    pub reason: Option<String>,
    /// The mail may have been sent twice.
    pub possible_duplicate: bool,
}

/// What arrived: a mail or a log's line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArrivalRow {
    /// Of its octets, lower-case hexadecimal.
    pub sha256: String,
    /// When it was taken (epoch milliseconds); not read when it is written.
    pub at: i64,
    /// Where it came from.
    pub source: String,
    /// bounce, `auto_reply`, complaint, other, log.
    pub kind: String,
    /// matched, parked, review, ignored, dismissed.
    pub state: String,
    /// Why it is parked, in review, ignored or dismissed.
    pub why: Option<String>,
    /// Of whom it speaks, as far as that is known.
    pub member_id: Option<i64>,
    /// The envelope recipient, where the source knew it.
    pub envelope_to: Option<String>,
    /// The mail's own From.
    pub sender: Option<String>,
    /// The mail's own Subject.
    pub subject: Option<String>,
    /// Octets of the whole.
    pub size: i64,
    /// base64 of the mail, JSON of a log's line; `None` where lists leave it out, and for a success.
    pub content: Option<String>,
}

/// Octets of a content that goes into one array with other rows.
const IN_ONE_ROW: usize = 256 << 10;

impl ArrivalRow {
    fn row(&self) -> Value {
        json!([
            self.sha256,
            self.source,
            self.kind,
            self.state,
            self.why,
            self.member_id,
            self.envelope_to,
            self.sender,
            self.subject,
            self.size,
            self.content.as_ref().filter(|content| content.len() <= IN_ONE_ROW)
        ])
    }

    /// What does not go into its row as JSON: there it would be in memory several times over.
    fn large_content(&self) -> Option<&str> {
        self.content.as_deref().filter(|content| content.len() > IN_ONE_ROW)
    }
}

/// What the ledger says of a decision that a person made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByPerson {
    /// Who.
    pub actor: String,
    /// What was done.
    pub kind: &'static str,
    /// For which notice.
    pub notice_id: Option<String>,
    /// The particulars.
    pub body: Value,
}

/// What is recorded together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// What arrived; what is parked or in review already changes its state.
    pub arrivals: Vec<ArrivalRow>,
    /// What it says of members.
    pub receipts: Vec<NewReceipt>,
    /// What that makes of them; each row once.
    pub changes: Vec<MemberChange>,
    /// A person decided it: it stands in the ledger, and only if nothing was decided meanwhile.
    pub by_person: Option<ByPerson>,
}

/// A receipt as it was recorded. The keys are those of `member show --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptRow {
    /// In the order of recording.
    pub id: i64,
    /// The round it speaks of.
    pub round: Option<i64>,
    /// The attempt it speaks of.
    pub attempt: Option<i64>,
    /// When it was recorded (epoch milliseconds).
    pub at: i64,
    /// The time that it names itself.
    pub reported_at: Option<i64>,
    /// Where it came from.
    pub source: String,
    /// SHA-256 of the mail or of the log's line.
    pub evidence: String,
    /// How the member was found.
    pub matched_by: String,
    /// What it says.
    pub says: String,
    /// Of whom.
    pub recipient: Option<String>,
    /// The enhanced status code.
    pub status: Option<String>,
    /// Why, in one word.
    pub reason: Option<String>,
    /// The server's words.
    pub detail: Option<String>,
    /// The relay's queue id.
    pub queue_id: Option<String>,
    /// The delivery's status before.
    pub status_before: String,
    /// And after.
    pub status_after: String,
}

impl Store {
    /// The state of what was taken before, by its hash.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn known_evidence(&self, hashes: &[String]) -> Result<HashMap<String, String>, StoreError> {
        let hashes = json_rows(hashes.iter().map(|hash| json!([hash])));
        on_both_in_time!(self, reader, |pool, dialect| {
            let rows = sqlx::query(KNOWN_EVIDENCE.on(dialect)).bind(&hashes).fetch_all(pool).await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }

    /// Records what arrived, what it says and what that makes of the members, all or nothing.
    ///
    /// `false`: a member changed, or the personal data of its notice went, since that was decided, or somebody else is just writing it. Nothing is recorded: look
    /// again and decide anew.
    ///
    /// # Errors
    /// `Unavailable`: nothing is known to be recorded; the same may be handed over again. `DecidedMeanwhile`: what a person
    /// decides was decided already; nothing is recorded.
    pub async fn receive(&self, received: &Received, now: i64) -> Result<bool, StoreError> {
        let arrivals = json_rows(received.arrivals.iter().map(ArrivalRow::row));
        let large = received.arrivals.iter().filter_map(|arrival| Some((&arrival.sha256, arrival.large_content()?)));
        let receipts = receipt_rows(&received.receipts);
        let change = |c: &MemberChange| {
            json!([c.id, c.fence, c.before.as_str(), c.after.as_str(), c.reason, i64::from(c.possible_duplicate)])
        };
        let changes = json_rows(received.changes.iter().map(change));
        let evidence = received.receipts.iter().map(|receipt| &receipt.evidence);
        let evidence =
            json_rows(evidence.chain(received.arrivals.iter().map(|row| &row.sha256)).map(|hash| json!([hash])));
        on_both_in_time!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            if !received.changes.is_empty() {
                let update = sqlx::query(RECEIPT_MEMBERS.on(dialect)).bind(&changes).bind(now);
                if update.fetch_all(&mut *tx).await?.len() < received.changes.len() {
                    tx.rollback().await?;
                    return Ok(false);
                }
            }
            let mut written = 0;
            if !received.receipts.is_empty() {
                let insert = sqlx::query(RECEIPT_INSERT.on(dialect)).bind(&receipts).bind(now);
                written += insert.execute(&mut *tx).await?.rows_affected();
            }
            if !received.arrivals.is_empty() {
                let upsert = sqlx::query(ARRIVAL_UPSERT.on(dialect)).bind(&arrivals).bind(now);
                written += upsert.execute(&mut *tx).await?.rows_affected();
            }
            for (sha256, content) in large {
                sqlx::query(ARRIVAL_CONTENT.on(dialect)).bind(sha256).bind(content).execute(&mut *tx).await?;
            }
            sqlx::query(ARRIVALS_LATE.on(dialect)).bind(&evidence).execute(&mut *tx).await?;
            // Last, and in a statement of its own: a purge that held these members until now is seen.
            let clear =
                sqlx::query(CLEAR_AFTER_PURGE.on(dialect)).bind(&evidence).bind(now).fetch_one(&mut *tx).await?;
            if clear.get::<i64, _>(0) > 0 {
                tx.rollback().await?;
                return Ok(false);
            }
            if let Some(ByPerson { actor, kind, notice_id, body }) = &received.by_person {
                if written < (received.receipts.len() + received.arrivals.len()) as u64 {
                    tx.rollback().await?;
                    return Err(StoreError::DecidedMeanwhile);
                }
                let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind(kind);
                entry.bind(notice_id).bind(body.to_string()).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(true)
        })
    }

    /// The receipts of one member, in the order in which they were recorded.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn receipts_of(&self, member_id: i64) -> Result<Vec<ReceiptRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(RECEIPTS_OF.on(dialect)).bind(member_id).fetch_all(pool).await?;
            Ok(rows
                .iter()
                .map(|row| ReceiptRow {
                    id: row.get(0),
                    round: row.get(1),
                    attempt: row.get(2),
                    at: row.get(3),
                    reported_at: row.get(4),
                    source: row.get(5),
                    evidence: row.get(6),
                    matched_by: row.get(7),
                    says: row.get(8),
                    recipient: row.get(9),
                    status: row.get(10),
                    reason: row.get(11),
                    detail: row.get(12),
                    queue_id: row.get(13),
                    status_before: row.get(14),
                    status_after: row.get(15),
                })
                .collect())
        })
    }
}
