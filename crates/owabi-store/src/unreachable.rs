//! Whom mail did not reach, page by page: the people to be written to by letter.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::rows::status;
use crate::sql::UNREACHABLE_PAGE;
use owabi_core::lifecycle::Status;
use sqlx::Row;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// No usable address, failed or bounced.
    Known,
    /// In doubt, and nothing more happens by itself: a person decides.
    InDoubt,
}

/// One member whom mail did not reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreachedRow {
    /// Where the page goes on: the row's id.
    pub id: i64,
    /// The member's number.
    pub member_no: String,
    /// The name, for the letter.
    pub name: String,
    /// The address as stored.
    pub email: Option<String>,
    /// The address as the roster gave it.
    pub given_email: Option<String>,
    /// The delivery's status.
    pub status: Status,
    /// Why, in one word.
    pub reason: Option<String>,
    /// Since when (epoch milliseconds); 0 for a row that another system wrote and owabi did not touch yet.
    pub since: i64,
    /// The basic reply code of the last attempt.
    pub code: Option<i64>,
    /// The enhanced status code, of the receipt or of the last attempt.
    pub enhanced: Option<String>,
    /// The server's words.
    pub detail: Option<String>,
    /// The address was corrected since.
    pub corrected: bool,
}

impl Store {
    /// The next `limit` members of a notice whom mail did not reach, after row `after`, in the order of their rows.
    ///
    /// # Errors
    /// `Unavailable`; `Row` names a row whose status is no status.
    pub async fn unreached_after(
        &self,
        notice_id: &str,
        which: Unreached,
        after: i64,
        limit: i64,
    ) -> Result<Vec<UnreachedRow>, StoreError> {
        let in_doubt = i64::from(which == Unreached::InDoubt);
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(UNREACHABLE_PAGE.on(dialect)).bind(notice_id).bind(in_doubt);
            let rows = query.bind(after).bind(limit).fetch_all(pool).await?;
            rows.iter()
                .map(|row| {
                    let id = row.get(0);
                    Ok(UnreachedRow {
                        id,
                        member_no: row.get(1),
                        name: row.get(2),
                        email: row.get(3),
                        given_email: row.get(4),
                        status: status(id, row.get(5))?,
                        reason: row.get(6),
                        since: row.get(7),
                        code: row.get(8),
                        enhanced: row.get(9),
                        detail: row.get(10),
                        corrected: row.get(11),
                    })
                })
                .collect()
        })
    }
}
