//! The delivery log, page by page, so that a million rows need no memory.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::sql::{LOG_PAGE, log_count};
use sqlx::Row;

/// Which rows of the log. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// One notice.
    pub notice_id: Option<String>,
    /// One member.
    pub member_no: Option<String>,
    /// The delivery's status now.
    pub status: Option<owabi_core::lifecycle::Status>,
    /// Not before this time (epoch milliseconds).
    pub since: Option<i64>,
}

/// One attempt, or one member without any (`attempt` is 0). The keys are the contract of `log --json`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LogRow {
    /// Where the page goes on: the row's id.
    #[serde(skip)]
    pub member_id: i64,
    /// The notice.
    pub notice: String,
    /// The member's number.
    pub member_no: String,
    /// The member's address as stored.
    pub email: Option<String>,
    /// The delivery's status now.
    pub status: String,
    /// The attempt's number; 0 when there was none.
    pub attempt: i64,
    /// When the outcome was known, or the body was about to leave (epoch milliseconds).
    pub at: i64,
    /// The relay's name.
    pub relay: Option<String>,
    /// The basic reply code.
    pub code: Option<i64>,
    /// The enhanced reply code.
    pub enhanced: Option<String>,
    /// The relay's words, or what happened instead.
    pub reply: Option<String>,
    /// accepted, deferred, failed, `in_doubt`, `not_sent`; `None` while no outcome is recorded.
    pub outcome: Option<String>,
    /// The mail may have been sent before.
    pub possible_duplicate: bool,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// The relay's queue id.
    pub queue_id: Option<String>,
    /// Why, in one word.
    pub reason: Option<String>,
    /// Where in the SMTP session it was decided.
    pub phase: Option<String>,
    /// The TLS version and cipher.
    pub tls: Option<String>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// Of the message's bytes.
    pub mail_sha256: Option<String>,
    /// RFC 3461.
    pub envid: Option<String>,
    /// The recipient as it went over the wire.
    pub rcpt_to: Option<String>,
    /// Why the member stands where it stands.
    pub status_reason: Option<String>,
    /// The member's name, for a letter.
    pub name: String,
    /// The address as the roster gave it.
    pub given_email: Option<String>,
}

/// The statement with a filter's values.
macro_rules! asked {
    ($text:expr, $filter:expr, $after:expr, $limit:expr) => {
        sqlx::query($text)
            .bind($after.0)
            .bind($after.1)
            .bind($filter.notice_id.clone().unwrap_or_default())
            .bind($filter.member_no.clone().unwrap_or_default())
            .bind($filter.status.map_or("", owabi_core::lifecycle::Status::as_str))
            .bind($filter.since.unwrap_or(i64::MIN))
            .bind($limit)
    };
}

impl Store {
    /// How many rows the log has for a filter.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn log_count(&self, filter: &LogFilter) -> Result<i64, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            Ok(asked!(log_count(dialect), filter, (0, 0), i64::MAX).fetch_one(pool).await?.get(0))
        })
    }

    /// The next `limit` rows after `after` = (row's id, attempt number); begin with `(0, 0)`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn log_after(
        &self,
        filter: &LogFilter,
        after: (i64, i64),
        limit: i64,
    ) -> Result<Vec<LogRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = asked!(LOG_PAGE.on(dialect), filter, after, limit).fetch_all(pool).await?;
            Ok(rows
                .iter()
                .map(|row| LogRow {
                    member_id: row.get(0),
                    attempt: row.get(1),
                    notice: row.get(2),
                    member_no: row.get(3),
                    email: row.get(4),
                    status: row.get(5),
                    at: row.get(6),
                    relay: row.get(7),
                    code: row.get(8),
                    enhanced: row.get(9),
                    reply: row.get(10),
                    outcome: row.get(11),
                    possible_duplicate: row.get(12),
                    message_id: row.get(13),
                    queue_id: row.get(14),
                    reason: row.get(15),
                    phase: row.get(16),
                    tls: row.get(17),
                    duration_ms: row.get(18),
                    mail_sha256: row.get(19),
                    envid: row.get(20),
                    rcpt_to: row.get(21),
                    status_reason: row.get(22),
                    name: row.get(23),
                    given_email: row.get(24),
                })
                .collect())
        })
    }
}
