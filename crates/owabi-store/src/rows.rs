//! Rows of the queue table as the rest of the program sees them.

use crate::error::{StoreError, unreadable_row};
use crate::open::{Store, on_both};
use crate::sql::{MEMBER_BY_NO, MEMBERS_PAGE};
use owabi_core::lifecycle::{Status, UnknownStatus};
use owabi_core::member::Member;
use owabi_core::text::{Text, say};
use sqlx::Row;

/// A member with its row's id and status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// The row's id.
    pub id: i64,
    /// The member.
    pub member: Member,
    /// The delivery's status.
    pub status: Status,
    /// 1 for the first sending, one more for each resend batch.
    pub round: i64,
    /// Why cohorts, payments or fields cannot be read; `member` is then without them.
    pub unreadable: Option<Text>,
}

/// The text columns of a member, as the database gives them.
pub(crate) struct MemberText {
    pub(crate) id: i64,
    pub(crate) member_no: String,
    pub(crate) name: String,
    pub(crate) email: Option<String>,
    pub(crate) cohorts: String,
    pub(crate) payments: String,
    pub(crate) fields: String,
}

impl MemberText {
    /// The member, and why some of it cannot be read: a row that the association's own system wrote wrongly stops nobody else.
    fn read_or_say(self) -> (Member, Option<Text>) {
        let (id, member_no, name, email) = (self.id, self.member_no.clone(), self.name.clone(), self.email.clone());
        match self.columns() {
            Ok(member) => (member, None),
            Err(what) => (Member { member_no, name, email, ..Member::default() }, Some(unreadable_row(id, &what))),
        }
    }

    /// Reads the JSON columns. A row that the association's own system wrote wrongly becomes visible here.
    pub(crate) fn read(self) -> Result<Member, StoreError> {
        let id = self.id;
        self.columns().map_err(|what| StoreError::Row { id, what })
    }

    /// The member, or which column is wrong.
    fn columns(self) -> Result<Member, Text> {
        let bad = |column: &'static str| move |_: serde_json::Error| say!(ja: "{column} 列の JSON が正しい形ではありません", en: "column {column} cannot be read");
        Ok(Member {
            member_no: self.member_no,
            name: self.name,
            email: self.email,
            cohorts: serde_json::from_str(&self.cohorts).map_err(bad("cohorts"))?,
            payments: serde_json::from_str(&self.payments).map_err(bad("payments"))?,
            fields: serde_json::from_str(&self.fields).map_err(bad("fields"))?,
        })
    }
}

/// Reads the seven member columns from position `$first` on, for either database's row type.
macro_rules! member_text {
    ($row:expr, $id:expr, $first:expr) => {
        $crate::rows::MemberText {
            id: $row.get($id),
            member_no: $row.get($first),
            name: $row.get($first + 1),
            email: $row.get($first + 2),
            cohorts: $row.get($first + 3),
            payments: $row.get($first + 4),
            fields: $row.get($first + 5),
        }
    };
}
pub(crate) use member_text;

/// Reads a status word of the database.
pub(crate) fn status(id: i64, word: &str) -> Result<Status, StoreError> {
    word.parse().map_err(|error: UnknownStatus| {
        let what = say!(ja: "状態「{word}」はありません", en: "{error}");
        StoreError::Row { id, what }
    })
}

impl Store {
    /// The next `limit` members of a notice after row `after`, in the order of their rows; `None`: whatever their status.
    ///
    /// # Errors
    /// `Unavailable`; `Row` names a row whose status is no status.
    pub async fn members_after(
        &self,
        notice_id: &str,
        after: i64,
        only: Option<Status>,
        limit: i64,
    ) -> Result<Vec<MemberRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(MEMBERS_PAGE.on(dialect)).bind(notice_id).bind(after);
            let rows = query.bind(only.map_or("", Status::as_str)).bind(limit).fetch_all(pool).await?;
            rows.iter().map(|row| member_row(member_text!(row, 0, 1), row.get(7), row.get(8))).collect()
        })
    }

    /// One member of a notice.
    ///
    /// # Errors
    /// `Unavailable`, `Row`.
    pub async fn member(&self, notice_id: &str, member_no: &str) -> Result<Option<MemberRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(MEMBER_BY_NO.on(dialect)).bind(notice_id).bind(member_no);
            let row = query.fetch_optional(pool).await?;
            row.map(|row| member_row(member_text!(row, 0, 1), row.get(7), row.get(8))).transpose()
        })
    }
}

pub(crate) fn member_row(text: MemberText, word: &str, round: i64) -> Result<MemberRow, StoreError> {
    let id = text.id;
    let (member, unreadable) = text.read_or_say();
    Ok(MemberRow { id, member, status: status(id, word)?, round, unreadable })
}
