//! What was done instead of a mail: letters, calls, visits, publication.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::sql::{
    Dialect, NOTICE_LOCK, SUBSTITUTE_BY_ID, SUBSTITUTE_INSERT, SUBSTITUTE_PUBLISH, SUBSTITUTE_REVOKE, SUBSTITUTES,
    SUBSTITUTES_OF, json_rows,
};
use crate::tx::{Tx, on_tx};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;

/// What was done for one member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewSubstitute {
    /// The row's id.
    pub member_id: i64,
    /// letter, telephone, visit, other.
    pub kind: &'static str,
    /// The day, `2026-11-30`.
    pub on_day: String,
    /// What else is to be known.
    pub note: Option<String>,
}

/// A publication, for everybody.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The first day, `2026-11-30`.
    pub from: &'a str,
    /// The last day.
    pub until: &'a str,
    /// Where.
    pub url: &'a str,
    /// What else is to be known.
    pub note: Option<&'a str>,
}

/// What was done instead, as it was recorded. The keys are those of `substitute list --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubstituteRow {
    /// In the order of recording.
    pub id: i64,
    /// The notice.
    pub notice: String,
    /// The member's row; `None`: a publication.
    #[serde(skip)]
    pub member_id: Option<i64>,
    /// The member's number.
    pub member_no: Option<String>,
    /// The member's name.
    pub name: Option<String>,
    /// letter, telephone, visit, published, other.
    pub kind: String,
    /// The day, or a publication's first.
    pub on: String,
    /// A publication's last day.
    pub until: Option<String>,
    /// Where it was published.
    pub url: Option<String>,
    /// What else is to be known.
    pub note: Option<String>,
    /// Who recorded it.
    pub actor: String,
    /// When it was recorded (epoch milliseconds).
    pub at: i64,
    /// Who took it back.
    pub revoked_by: Option<String>,
    /// Why it was taken back.
    pub revoked_because: Option<String>,
}

macro_rules! substitute {
    ($row:expr) => {
        SubstituteRow {
            id: $row.get(0),
            notice: $row.get(1),
            member_id: $row.get(2),
            member_no: $row.get(3),
            name: $row.get(4),
            kind: $row.get(5),
            on: $row.get(6),
            until: $row.get(7),
            url: $row.get(8),
            note: $row.get(9),
            actor: $row.get(10),
            at: $row.get(11),
            revoked_by: $row.get(12),
            revoked_because: $row.get(13),
        }
    };
}

impl Store {
    /// Records what was done for members of a notice, all or nothing; what is there already is not recorded again.
    /// Returns how many were new.
    ///
    /// # Errors
    /// `Unavailable`; `Purged` when one has a note.
    pub async fn add_substitutes(
        &self,
        notice_id: &str,
        done: &[NewSubstitute],
        actor: &str,
        now: i64,
    ) -> Result<u64, StoreError> {
        let rows = json_rows(done.iter().map(|one| json!([one.member_id, one.kind, one.on_day, one.note])));
        let personal = done.iter().any(|one| one.note.is_some());
        let mut tx = self.begin_recording_substitutes(notice_id, personal).await?;
        let added = on_tx!(tx, |tx, dialect| {
            let insert = sqlx::query(SUBSTITUTE_INSERT.on(dialect)).bind(&rows).bind(notice_id).bind(actor);
            insert.bind(now).execute(&mut **tx).await?.rows_affected()
        });
        tx.commit().await?;
        Ok(added)
    }

    /// Records a publication; `false`: the same one is there already.
    ///
    /// # Errors
    /// `Unavailable`; `Purged` when it has a note.
    pub async fn add_publication(
        &self,
        notice_id: &str,
        published: Publication<'_>,
        actor: &str,
        now: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_recording_substitutes(notice_id, published.note.is_some()).await?;
        let added = on_tx!(tx, |tx, dialect| {
            let insert = sqlx::query(SUBSTITUTE_PUBLISH.on(dialect)).bind(notice_id).bind(published.from);
            let insert = insert.bind(published.until).bind(published.url).bind(published.note).bind(actor).bind(now);
            insert.execute(&mut **tx).await?.rows_affected()
        });
        tx.commit().await?;
        Ok(added > 0)
    }

    /// Two who record at the same time wait for each other, so that neither records what the other does. What is
    /// `personal`, a note, does not come to a notice whose personal data went.
    async fn begin_recording_substitutes(&self, notice_id: &str, personal: bool) -> Result<Tx, StoreError> {
        let mut tx = self.begin(Dialect::begin_unhurried).await?;
        if let Tx::Postgres(tx) = &mut tx {
            let alone = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('owabi substitutes ' || $1, 0))");
            alone.bind(notice_id).execute(&mut **tx).await?;
        }
        if personal {
            on_tx!(tx, |tx, dialect| {
                let row = sqlx::query(NOTICE_LOCK.on(dialect)).bind(notice_id).fetch_optional(&mut **tx).await?;
                if row.and_then(|row| row.get::<Option<i64>, _>(0)).is_some() {
                    return Err(StoreError::Purged);
                }
            });
        }
        Ok(tx)
    }

    /// Takes a record back, which stays readable; `false`: there is none with this number, or it was taken back before.
    /// `day` is today's.
    ///
    /// # Errors
    /// `Unavailable`, `Purged`.
    pub async fn revoke_substitute(
        &self,
        id: i64,
        (day, reason): (&str, &str),
        actor: &str,
        now: i64,
    ) -> Result<bool, StoreError> {
        let Some(found) = self.substitute(id).await? else { return Ok(false) };
        let mut tx = self.begin_recording_substitutes(&found.notice, true).await?;
        let revoked = on_tx!(tx, |tx, dialect| {
            let insert = sqlx::query(SUBSTITUTE_REVOKE.on(dialect)).bind(id).bind(day).bind(reason).bind(actor);
            insert.bind(now).execute(&mut **tx).await?.rows_affected()
        });
        tx.commit().await?;
        Ok(revoked > 0)
    }

    /// One record.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn substitute(&self, id: i64) -> Result<Option<SubstituteRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let row = sqlx::query(SUBSTITUTE_BY_ID.on(dialect)).bind(id).fetch_optional(pool).await?;
            Ok(row.map(|row| substitute!(row)))
        })
    }

    /// The next `limit` records of a notice after the one numbered `after`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn substitutes_after(
        &self,
        notice_id: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<SubstituteRow>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let query = sqlx::query(SUBSTITUTES.on(dialect)).bind(notice_id).bind(after).bind(limit);
            Ok(query.fetch_all(pool).await?.iter().map(|row| substitute!(row)).collect())
        })
    }

    /// What was done for the members of these rows, in the order of recording.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn substitutes_of(&self, member_ids: &[i64]) -> Result<Vec<SubstituteRow>, StoreError> {
        let ids = json_rows(member_ids.iter().map(|id| json!([id])));
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(SUBSTITUTES_OF.on(dialect)).bind(&ids).fetch_all(pool).await?;
            let mut found: Vec<SubstituteRow> = rows.iter().map(|row| substitute!(row)).collect();
            found.sort_by_key(|one| one.id);
            Ok(found)
        })
    }
}
