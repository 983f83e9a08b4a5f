//! The heart: claim, intend, settle. Everything that a worker writes is guarded by status, fence and lease.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::rows::{MemberText, member_text};
use crate::sql::{
    CLAIM, FAIL_UNSENT, GIVE_BACK, INTEND, NEXT_DUE, SEND_AGAIN, SETTLE_ATTEMPTS, SETTLE_MEMBERS, TAKE_OVER_ATTEMPTS,
    TAKE_OVER_MEMBERS,
};
use owabi_core::lifecycle::Status;
use owabi_core::member::Member;
use owabi_core::reply::Reply;
use serde_json::json;
use sqlx::Row;
use std::collections::HashSet;

/// One claimed row. Times are epoch milliseconds.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The row's id.
    pub id: i64,
    /// The fencing token of this claim: every later write names it.
    pub fence: i64,
    /// Whom to tell; `Err` says why the row cannot be read.
    pub member: Result<Member, String>,
    /// When the row was queued; the deadline counts from here.
    pub queued_at: i64,
    /// Attempts used so far.
    pub attempts: i64,
    /// The number of the attempt to come, from 1; used or not, each has its own.
    pub number: i64,
    /// 1 for the first sending, one more for each resend batch.
    pub round: i64,
    /// The mail may have been sent before.
    pub possible_duplicate: bool,
    /// The address is to be sent in its other, unquoted form.
    pub plain_form: bool,
    /// The end of the lease: a body leaves only while enough of it is left.
    pub lease_until: i64,
}

/// The wish to let one body leave.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The row's id.
    pub id: i64,
    /// The claim's fencing token.
    pub fence: i64,
    /// The relay's name.
    pub relay: String,
    /// The recipient as it goes over the wire.
    pub rcpt_to: String,
    /// Without angle brackets.
    pub message_id: String,
    /// RFC 3461.
    pub envid: String,
    /// Lower-case hexadecimal SHA-256 of the message's bytes.
    pub mail_sha256: String,
    /// The message's size in octets.
    pub mail_bytes: i64,
}

/// The outcome of one attempt and the row's new state.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The row's id.
    pub id: i64,
    /// The claim's fencing token.
    pub fence: i64,
    /// When the outcome was known.
    pub at: i64,
    /// The attempt's word (`owabi_core::settle::Word`).
    pub outcome: &'static str,
    /// The row's new status.
    pub status: Status,
    /// When the row is due again.
    pub due_at: Option<i64>,
    /// The attempt counts against the limit.
    pub spent: bool,
    /// Why, in one word.
    pub reason: Option<&'static str>,
    /// The next attempt uses the address's other form.
    pub plain_form: bool,
    /// Where in the SMTP session it was decided.
    pub phase: Option<&'static str>,
    /// The relay's reply.
    pub reply: Option<Reply>,
    /// What else there is to say when the relay said nothing.
    pub detail: Option<String>,
    /// The TLS version and cipher, if any.
    pub tls: Option<String>,
    /// From the first byte of this mail to its reply, in milliseconds.
    pub duration_ms: i64,
}

/// What is committed together.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Bodies that wish to leave.
    pub intents: Vec<Intent>,
    /// Outcomes.
    pub settles: Vec<Settle>,
}

/// What the commit did.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Row and fence of each intent that is durable: exactly that claim's body may leave.
    pub granted: HashSet<(i64, i64)>,
    /// Rows whose outcome is durable. An outcome that is missing came too late: the lease was over.
    pub settled: HashSet<i64>,
}

impl Store {
    /// Claims up to `limit` due rows of one released notice until `now + lease_ms`.
    ///
    /// In the same transaction, rows whose lease ended with a recorded intent become `in_doubt`, due after
    /// `resend_after_ms` (`None`: a person decides); those without an intent are simply claimed anew.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn claim(
        &self,
        notice_id: &str,
        now: i64,
        lease_ms: i64,
        resend_after_ms: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            sqlx::query(TAKE_OVER_ATTEMPTS.on(dialect)).bind(now).bind(notice_id).execute(&mut *tx).await?;
            let over = sqlx::query(TAKE_OVER_MEMBERS.on(dialect)).bind(now).bind(notice_id).bind(resend_after_ms);
            over.execute(&mut *tx).await?;
            let claim = sqlx::query(CLAIM.on(dialect)).bind(now).bind(notice_id).bind(lease_ms).bind(limit);
            let rows = claim.fetch_all(&mut *tx).await?;
            tx.commit().await?;
            Ok(rows
                .iter()
                .map(|row| Claimed {
                    id: row.get(0),
                    member: readable(member_text!(row, 0, 1)),
                    queued_at: row.get::<Option<i64>, _>(7).unwrap_or(now),
                    attempts: row.get(8),
                    number: row.get::<i64, _>(9) + 1,
                    fence: row.get(10),
                    round: row.get(11),
                    possible_duplicate: row.get(12),
                    plain_form: row.get(13),
                    lease_until: row.get(14),
                })
                .collect())
        })
    }

    /// Commits a group: outcomes first, then intents, in one transaction.
    ///
    /// An intent is granted only while the lease has until `lease_at_least` and the notice is released.
    ///
    /// # Errors
    /// `Unavailable`: nothing is durable, try again with the same group. `Refused`: a statement broke a rule; nothing is durable.
    pub async fn record(&self, group: &Group, now: i64, lease_at_least: i64) -> Result<Recorded, StoreError> {
        let (outcomes, states) = (outcomes(group), states(group));
        // A refusal can overtake its mail's intent: then both are written, so that the log knows what was said to whom.
        let settled: HashSet<(i64, i64)> = group.settles.iter().map(|s| (s.id, s.fence)).collect();
        let is_settled = |intent: &&Intent| settled.contains(&(intent.id, intent.fence));
        let early = intents(group.intents.iter().filter(is_settled));
        let intents = intents(group.intents.iter().filter(|intent| !is_settled(intent)));
        on_both!(self, writer, |pool, dialect| {
            let mut recorded = Recorded::default();
            let mut tx = pool.begin_with(dialect.begin()).await?;
            if early != "[]" {
                let intend = sqlx::query(INTEND.on(dialect)).bind(&early).bind(now).bind(now);
                intend.execute(&mut *tx).await?;
            }
            if !group.settles.is_empty() {
                sqlx::query(SETTLE_ATTEMPTS.on(dialect)).bind(&outcomes).execute(&mut *tx).await?;
                let rows = sqlx::query(SETTLE_MEMBERS.on(dialect)).bind(&states).bind(now).fetch_all(&mut *tx).await?;
                recorded.settled = rows.iter().map(|row| row.get(0)).collect();
            }
            if intents != "[]" {
                let intend = sqlx::query(INTEND.on(dialect)).bind(&intents).bind(now).bind(lease_at_least);
                let rows = intend.fetch_all(&mut *tx).await?;
                recorded.granted = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            }
            tx.commit().await?;
            Ok(recorded)
        })
    }

    /// Gives claimed rows back, unsent and unspent: `(id, fence, due_at)`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn give_back(&self, rows: &[(i64, i64, i64)], now: i64) -> Result<u64, StoreError> {
        let rows = json!(rows).to_string();
        on_both!(self, writer, |pool, dialect| {
            Ok(sqlx::query(GIVE_BACK.on(dialect)).bind(&rows).bind(now).execute(pool).await?.rows_affected())
        })
    }

    /// Fails rows that cannot be rendered: `(id, fence, reason)`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn fail_unsent(&self, rows: &[(i64, i64, String)], now: i64) -> Result<u64, StoreError> {
        let rows = json!(rows).to_string();
        on_both!(self, writer, |pool, dialect| {
            Ok(sqlx::query(FAIL_UNSENT.on(dialect)).bind(&rows).bind(now).execute(pool).await?.rows_affected())
        })
    }

    /// Queues, flagged as possible duplicates, the in-doubt mails that waited long enough for evidence.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn send_again(&self, now: i64) -> Result<u64, StoreError> {
        on_both!(self, writer, |pool, dialect| {
            Ok(sqlx::query(SEND_AGAIN.on(dialect)).bind(now).execute(pool).await?.rows_affected())
        })
    }

    /// When the next open row of a notice is due; `None` when it has none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn next_due(&self, notice_id: &str) -> Result<Option<i64>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            Ok(sqlx::query(NEXT_DUE.on(dialect)).bind(notice_id).fetch_one(pool).await?.get(0))
        })
    }
}

fn readable(text: MemberText) -> Result<Member, String> {
    text.read().map_err(|error| error.to_string())
}

fn intents<'a>(intents: impl Iterator<Item = &'a Intent>) -> String {
    let row =
        |i: &Intent| json!([i.id, i.fence, i.relay, i.rcpt_to, i.message_id, i.envid, i.mail_sha256, i.mail_bytes]);
    array(intents.map(row))
}

fn outcomes(group: &Group) -> String {
    let row = |s: &Settle| {
        let (code, enhanced, queue_id) = match &s.reply {
            Some(reply) => (Some(reply.code), reply.enhanced().map(|code| code.to_string()), reply.queue_id()),
            None => (None, None, None),
        };
        let text = s.reply.as_ref().map(|reply| reply.text.as_str()).or(s.detail.as_deref());
        let spent = i64::from(s.spent);
        json!([
            s.id,
            s.fence,
            s.at,
            s.outcome,
            spent,
            s.reason,
            s.phase,
            code,
            enhanced,
            text,
            queue_id,
            s.tls,
            s.duration_ms
        ])
    };
    array(group.settles.iter().map(row))
}

fn states(group: &Group) -> String {
    let row = |s: &Settle| {
        let (spent, plain_form) = (i64::from(s.spent), i64::from(s.plain_form));
        json!([s.id, s.fence, s.status.as_str(), s.reason, s.due_at, spent, plain_form])
    };
    array(group.settles.iter().map(row))
}

/// One JSON array of arrays, written row by row.
fn array(rows: impl Iterator<Item = serde_json::Value>) -> String {
    let mut text = String::from("[");
    for row in rows {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&row.to_string());
    }
    text.push(']');
    text
}
