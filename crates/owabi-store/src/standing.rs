//! Whom evidence may mean: members as they stand, and what was sent to them.

use crate::error::StoreError;
use crate::open::{Store, on_both_in_time};
use crate::rows::status;
use crate::sql::{MEMBERS_BY_EMAIL, MEMBERS_BY_QUEUE_ID, STANDINGS, json_rows};
use owabi_core::lifecycle::Status;
use serde_json::json;
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};

/// A member's row as evidence finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStanding {
    /// The row's id.
    pub id: i64,
    /// The notice.
    pub notice_id: String,
    /// The member's number.
    pub member_no: String,
    /// The address as stored.
    pub email: Option<String>,
    /// The delivery's status.
    pub status: Status,
    /// Why it stands there.
    pub reason: Option<String>,
    /// 1 for the first sending, one more for each resend batch.
    pub round: i64,
    /// The newest claim's fencing token.
    pub fence: i64,
    /// The mail may have been sent twice.
    pub possible_duplicate: bool,
    /// When it is due, or its lease ends.
    pub due_at: Option<i64>,
    /// When the row was changed last.
    pub updated_at: i64,
    /// The personal data of its notice went.
    pub purged: bool,
    /// The mails whose body may have left, of all rounds.
    pub sent: Vec<SentMail>,
}

/// One mail of which an intent is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMail {
    /// The attempt's number.
    pub number: i64,
    /// Without angle brackets.
    pub message_id: String,
    /// RFC 3461.
    pub envid: String,
    /// The recipient as it went over the wire.
    pub rcpt_to: String,
    /// The attempt's word; `None` while it is under way.
    pub outcome: Option<String>,
    /// The relay's queue id, when its 250 said one.
    pub queue_id: Option<String>,
    /// Where in the SMTP session the outcome was decided.
    pub phase: Option<String>,
}

impl SentMail {
    /// The reply to its body was lost, or is not known yet.
    pub fn is_lost(&self) -> bool {
        matches!(self.outcome.as_deref(), None | Some("in_doubt"))
    }

    /// The relay took it, or may have.
    pub fn may_be_there(&self) -> bool {
        self.is_lost() || self.outcome.as_deref() == Some("accepted")
    }

    /// Its body may have left: the relay has it, or refused it only then.
    pub fn may_have_left(&self) -> bool {
        self.may_be_there() || self.phase.as_deref() == Some("dot")
    }
}

impl Store {
    /// The members of these rows, and what was sent to them.
    ///
    /// # Errors
    /// `Unavailable`; `Row` names a row whose status is no status.
    pub async fn standings(&self, ids: &[i64]) -> Result<Vec<MemberStanding>, StoreError> {
        let ids = json_rows(ids.iter().map(|id| json!([id])));
        on_both_in_time!(self, reader, |pool, dialect| {
            let mut members: BTreeMap<i64, MemberStanding> = BTreeMap::new();
            for row in sqlx::query(STANDINGS.on(dialect)).bind(&ids).fetch_all(pool).await? {
                let id: i64 = row.get(0);
                let found = MemberStanding {
                    id,
                    notice_id: row.get(1),
                    member_no: row.get(2),
                    email: row.get(3),
                    status: status(id, row.get(4))?,
                    reason: row.get(5),
                    round: row.get(6),
                    fence: row.get(7),
                    possible_duplicate: row.get(8),
                    due_at: row.get(9),
                    updated_at: row.get(10),
                    purged: row.get(18),
                    sent: Vec::new(),
                };
                let member = members.entry(id).or_insert(found);
                if let Some(number) = row.get::<Option<i64>, _>(11) {
                    let (message_id, envid, rcpt_to) = (row.get(12), row.get(13), row.get(14));
                    let (outcome, queue_id, phase) = (row.get(15), row.get(16), row.get(17));
                    member.sent.push(SentMail { number, message_id, envid, rcpt_to, outcome, queue_id, phase });
                }
            }
            for member in members.values_mut() {
                member.sent.sort_by_key(|mail| mail.number);
            }
            Ok(members.into_values().collect())
        })
    }

    /// The rows with one of these addresses (lower case), of all notices.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn members_by_email(&self, addresses: &[String]) -> Result<Vec<(i64, String)>, StoreError> {
        let addresses = json_rows(addresses.iter().map(|address| json!([address])));
        on_both_in_time!(self, reader, |pool, dialect| {
            let rows = sqlx::query(MEMBERS_BY_EMAIL.on(dialect)).bind(&addresses).fetch_all(pool).await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
        })
    }

    /// The rows whose mail this source already named by one of these queue ids.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn members_by_queue_id(
        &self,
        source: &str,
        queue_ids: &[String],
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let queue_ids = json_rows(queue_ids.iter().map(|id| json!([id])));
        on_both_in_time!(self, reader, |pool, dialect| {
            let query = sqlx::query(MEMBERS_BY_QUEUE_ID.on(dialect)).bind(&queue_ids).bind(source);
            let rows = query.fetch_all(pool).await?;
            // A mail may have many receipts.
            let found: BTreeSet<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            Ok(found.into_iter().collect())
        })
    }
}
