//! What can go wrong with the database, by what the caller must do about it.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is none that owabi knows.
    #[error("database.url {0:?} is neither sqlite:FILE nor postgres://…")]
    Url(String),
    /// The database cannot be reached, is locked, full or read-only: try again.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The schema is older than this program's.
    #[error(
        "the database's schema is version {found}, this owabi needs {wanted}: run `owabi db migrate` (make a backup first)"
    )]
    SchemaOlder {
        /// The version found.
        found: i64,
        /// The version that this program needs.
        wanted: i64,
    },
    /// The schema is newer than this program's.
    #[error("the database's schema is version {found}, this owabi knows only up to {wanted}: use the newer owabi")]
    SchemaNewer {
        /// The version found.
        found: i64,
        /// The newest version that this program knows.
        wanted: i64,
    },
    /// A migration failed; nothing of it was applied.
    #[error("migrating the database failed, nothing was changed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The file is damaged.
    #[error(
        "the database file is damaged ({0}): restore a backup, or examine it with `owabi db check`; nothing was touched"
    )]
    Damaged(String),
    /// A row holds what owabi cannot read.
    #[error("row {id} of affected_members cannot be read: {what}")]
    Row {
        /// The row's id.
        id: i64,
        /// What is wrong with it.
        what: String,
    },
    /// Rows came or went between the look at the roster and its release.
    #[error("not the members who were looked at are held now ({looked_at} then, {held} now): nothing was released")]
    RosterChanged {
        /// Rows that were looked at.
        looked_at: i64,
        /// Rows that are held.
        held: i64,
    },
    /// Members wait for another text than the one to be released.
    #[error("{waiting} members still wait for the text that was released before: nothing was released")]
    OtherTextWaits {
        /// How many.
        waiting: i64,
    },
    /// The notice is not in the state that this needs.
    #[error("the notice was paused or withdrawn in the meantime: nothing was released")]
    NoticeState,
    /// The database refused the statement: a defect, or a row that breaks a constraint.
    #[error("the database refused: {0}")]
    Refused(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if is_damage(database.code().as_deref()) => {
                Self::Damaged(database.to_string())
            }
            sqlx::Error::Database(database) if !is_passing(database.code().as_deref()) => Self::Refused(error),
            _ => Self::Unavailable(error),
        }
    }
}

/// SQLite: corrupt (11), not a database (26).
fn is_damage(code: Option<&str>) -> bool {
    matches!(code, Some("11" | "26" | "267"))
}

/// SQLite: busy, locked, read-only, I/O, full, cannot open, with their extended codes; PostgreSQL: classes 08, 53, 57, 25006, 40.
fn is_passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return true };
    if code.len() == 5 {
        return ["08", "53", "57", "40"].contains(&&code[..2]) || code == "25006";
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 255, 5 | 6 | 8 | 10 | 13 | 14))
}
