//! The delivery log, page by page, so that a million rows need no memory.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::sql::{LOG_MEMBERS, LOG_MEMBERS_OF, LOG_PAGE, json_rows, log_count};
use owabi_core::lifecycle::Status;
use serde_json::json;
use sqlx::Row;

/// The log is read for so many members at a time: what is looked for may be rare, and no statement reads the whole queue.
const WINDOW: usize = 500;

/// Which rows of the log. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// One notice.
    pub notice_id: Option<String>,
    /// These rows of the queue alone, ascending.
    pub members: Option<Vec<i64>>,
    /// The delivery's status now is one of these.
    pub statuses: Vec<Status>,
    /// The domain that the mail went to, or would go to; lower case, without `%` and `_`.
    pub domain: Option<String>,
    /// The reply's code, from the lower to the higher.
    pub code: Option<(i64, i64)>,
    /// The enhanced code, as a pattern of LIKE: `5.1.1`, `5.1.%`.
    pub enhanced: Option<String>,
    /// The outcome is one of these words; `none`: there is no outcome.
    pub outcomes: Vec<String>,
    /// The members of an import, or what was sent by a resend.
    pub batch: Option<String>,
    /// Not before this time (epoch milliseconds).
    pub since: Option<i64>,
    /// Before this time (epoch milliseconds).
    pub until: Option<i64>,
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

/// Reads a row of `log_page`, of either database's type.
macro_rules! log_row {
    ($row:expr) => {
        LogRow {
            member_id: $row.get(0),
            attempt: $row.get(1),
            notice: $row.get(2),
            member_no: $row.get(3),
            email: $row.get(4),
            status: $row.get(5),
            at: $row.get(6),
            relay: $row.get(7),
            code: $row.get(8),
            enhanced: $row.get(9),
            reply: $row.get(10),
            outcome: $row.get(11),
            possible_duplicate: $row.get(12),
            message_id: $row.get(13),
            queue_id: $row.get(14),
            reason: $row.get(15),
            phase: $row.get(16),
            tls: $row.get(17),
            duration_ms: $row.get(18),
            mail_sha256: $row.get(19),
            envid: $row.get(20),
            rcpt_to: $row.get(21),
            status_reason: $row.get(22),
            name: $row.get(23),
            given_email: $row.get(24),
        }
    };
}

/// A statement with a filter's values, for these members.
macro_rules! asked {
    ($text:expr, $filter:expr, $members:expr, $after:expr) => {
        sqlx::query($text)
            .bind(json_rows($members.iter().map(|id| json!([id]))))
            .bind($after.0)
            .bind($after.1)
            .bind(json_rows($filter.statuses.iter().map(|status| json!([status.as_str()]))))
            .bind($filter.since.unwrap_or(i64::MIN))
            .bind($filter.until.unwrap_or(i64::MAX))
            .bind($filter.domain.clone().unwrap_or_default())
            .bind($filter.code.map_or(0, |code| code.0))
            .bind($filter.code.map_or(0, |code| code.1))
            .bind($filter.enhanced.clone().unwrap_or_default())
            .bind(json_rows($filter.outcomes.iter().map(|word| json!([word]))))
            .bind($filter.batch.clone().unwrap_or_default())
    };
}

impl Store {
    /// How many rows the log has for a filter.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn log_count(&self, filter: &LogFilter) -> Result<i64, StoreError> {
        let (mut count, mut after) = (0, (0, 0));
        loop {
            let members = self.log_members(filter, after.0, WINDOW).await?;
            let Some(last) = members.last() else { return Ok(count) };
            count += on_both!(self, reader, |pool, dialect| {
                let counted = asked!(log_count(dialect), filter, members, after).fetch_one(pool).await?;
                counted.get::<i64, _>(0)
            });
            after = (last + 1, -1);
        }
    }

    /// The next `limit` rows after `after` = (row's id, attempt number); begin with `(0, 0)`. None: there are no more.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn log_after(
        &self,
        filter: &LogFilter,
        after: (i64, i64),
        limit: i64,
    ) -> Result<Vec<LogRow>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let (mut rows, mut after) = (Vec::new(), after);
        while rows.len() < limit {
            let members = self.log_members(filter, after.0, limit.min(WINDOW)).await?;
            let Some(last) = members.last() else { break };
            rows.extend(self.log_page(filter, &members, after).await?);
            after = (last + 1, -1);
        }
        rows.truncate(limit);
        Ok(rows)
    }

    /// The next members from row `from` on, whether the log has anything of them or not.
    async fn log_members(&self, filter: &LogFilter, from: i64, limit: usize) -> Result<Vec<i64>, StoreError> {
        if let Some(members) = &filter.members {
            return Ok(members.iter().copied().filter(|id| *id >= from).take(limit).collect());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        on_both!(self, reader, |pool, dialect| {
            let query = match &filter.notice_id {
                None => sqlx::query(LOG_MEMBERS.on(dialect)).bind(from).bind(limit),
                Some(notice) => sqlx::query(LOG_MEMBERS_OF.on(dialect)).bind(from).bind(limit).bind(notice),
            };
            Ok(query.fetch_all(pool).await?.iter().map(|row| row.get(0)).collect())
        })
    }

    async fn log_page(
        &self,
        filter: &LogFilter,
        members: &[i64],
        after: (i64, i64),
    ) -> Result<Vec<LogRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = asked!(LOG_PAGE.on(dialect), filter, members, after).fetch_all(pool).await?;
            let mut rows: Vec<LogRow> = rows.iter().map(|row| log_row!(row)).collect();
            rows.sort_unstable_by_key(|row| (row.member_id, row.attempt));
            Ok(rows)
        })
    }
}
