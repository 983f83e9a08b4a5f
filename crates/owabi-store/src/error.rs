//! What can go wrong with the database, by what the caller must do about it.

use owabi_core::text::{Text, say};
use sqlx::migrate::MigrateError;
use std::path::PathBuf;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is none that owabi knows.
    #[error("database.url {0:?} is neither sqlite:FILE nor postgres://…")]
    Url(String),
    /// The database cannot be reached, is locked, full or read-only: try again.
    #[error("the database is not available: {}", words(.0))]
    Unavailable(#[source] sqlx::Error),
    /// The PostgreSQL server must be set up first, or its configuration is wrong.
    #[error(transparent)]
    Setup(#[from] Setup),
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
    Migrate(#[source] MigrateError),
    /// The file is damaged.
    #[error(
        "the database file is damaged ({0}): restore a backup, or examine it with `owabi db check`; nothing was touched"
    )]
    Damaged(String),
    /// Seals that were noted outside, or seen before, are not in the database any more.
    #[error(
        "seal {number} of the ledger, which was there before, is gone or is another one: nothing more is sealed; see `owabi ledger verify`"
    )]
    SealsGone {
        /// The seal's number.
        number: i64,
    },
    /// The queue has seals, and none of them was noted on this machine.
    #[error(
        "the queue was sealed before, and nothing is noted of it here: it may be an older copy, and nothing more is sealed; see `owabi db accept-restored --help`"
    )]
    SealsUnknown,
    /// What is sealed cannot be noted outside of the database: where, and why.
    #[error("the newest seal cannot be noted in {0}: nothing is sealed")]
    NoNote(String),
    /// A row holds what owabi cannot read.
    #[error("{}", unreadable_row(*id, what).en)]
    Row {
        /// The row's id.
        id: i64,
        /// What is wrong with it.
        what: Text,
    },
    /// Rows came or went between the look at the roster and its release.
    #[error("not the members who were looked at are held now ({looked_at} then, {held} now): nothing was released")]
    RosterChanged {
        /// Rows that were looked at.
        looked_at: i64,
        /// Rows that are held.
        held: i64,
    },
    /// Somebody changed rows or the notice while they were being released or renewed.
    #[error("rows or the notice were changed meanwhile: nothing was done")]
    ChangedMeanwhile,
    /// What a person decides was decided already, by a daemon or by somebody else.
    #[error("it was decided meanwhile: nothing was recorded")]
    DecidedMeanwhile,
    /// Nothing personal is added to a notice whose personal data went.
    #[error("the personal data of this notice was purged: nothing was done")]
    Purged,
    /// Members wait for another text than the one to be released.
    #[error("{waiting} members still wait for the text that was released before: nothing was released")]
    OtherTextWaits {
        /// How many.
        waiting: i64,
    },
    /// The notice is not in the state that this needs.
    #[error("the notice was paused or withdrawn in the meantime, or another text released: nothing was done")]
    NoticeState,
    /// The database refused the statement: a defect, or a row that breaks a constraint.
    #[error("the database refused: {0}")]
    Refused(#[source] sqlx::Error),
}

/// What is said of a row that holds what owabi cannot read.
pub fn unreadable_row(id: i64, what: &Text) -> Text {
    let Text { ja, en } = what;
    say!(ja: "affected_members の id {id} の行を読めません({ja})。", en: "row {id} of affected_members cannot be read: {en}")
}

/// What a PostgreSQL server, or what leads to it, lacks. The texts are the server's where it said something.
#[derive(Debug, thiserror::Error)]
pub enum Setup {
    /// The URL cannot be used.
    #[error("the database's URL cannot be used: {0}")]
    Url(String),
    /// A file for TLS cannot be used.
    #[error("{key}: {}: {problem}", path.display())]
    File {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Wrong password, unknown role, or no entry in `pg_hba.conf`.
    #[error("the database refused the login: {0}")]
    Login(String),
    /// There is no such database.
    #[error("{0}")]
    NoDatabase(String),
    /// The role may not do it.
    #[error("the database role lacks a right: {0}")]
    Denied(String),
    /// The database cannot hold every name.
    #[error("the database {database:?} is in {encoding}, owabi needs UTF8")]
    Encoding {
        /// Its name.
        database: String,
        /// Its encoding.
        encoding: String,
    },
    /// The database holds tables, and none of them is owabi's.
    #[error("the database {database:?} (schema {schema:?}) holds other tables and none of owabi's")]
    OtherTables {
        /// Its name.
        database: String,
        /// Where owabi's tables would go.
        schema: String,
    },
    /// The database belongs to another program whose migrations would mix with ours.
    #[error(
        "the database {database:?} (schema {schema:?}) belongs to another program, which keeps its own migrations there"
    )]
    OtherProgram {
        /// Its name.
        database: String,
        /// Where owabi's tables would go.
        schema: String,
    },
    /// No schema of the role's search path exists.
    #[error("the database {database:?} has no schema that tables could go to (see search_path)")]
    NoSchema {
        /// Its name.
        database: String,
    },
}

/// Why a database is not available, by what a person can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Somebody else is writing.
    Locked,
    /// It takes no writes.
    ReadOnly,
    /// Its disk is full.
    DiskFull,
    /// Nothing answers there.
    Unreachable,
    /// No connection as safe as it must be.
    Tls,
    /// It takes no more connections, or all of ours are busy.
    Connections,
    /// A statement took longer than it may.
    Slow,
    /// Anything else.
    Other,
}

impl StoreError {
    /// What kind of trouble makes the database unavailable; `None` for other errors.
    pub fn trouble(&self) -> Option<Trouble> {
        let Self::Unavailable(error) = self else { return None };
        Some(match error {
            sqlx::Error::Database(database) => trouble_of(database.code().as_deref().unwrap_or_default()),
            sqlx::Error::Io(_) => Trouble::Unreachable,
            sqlx::Error::Tls(_) => Trouble::Tls,
            sqlx::Error::PoolTimedOut => Trouble::Connections,
            _ => Trouble::Other,
        })
    }

    /// The driver's or the server's own words, in its language; `None` where every word is ours.
    pub fn said(&self) -> Option<String> {
        match self {
            Self::Unavailable(error) | Self::Refused(error) => Some(words(error)),
            Self::Migrate(error) => Some(error.to_string()),
            Self::Damaged(said) => Some(said.clone()),
            _ => None,
        }
    }

    /// The same error, or `ChangedMeanwhile` where two transactions could not both be right.
    pub(crate) fn or_changed(self) -> Self {
        match &self {
            Self::Unavailable(sqlx::Error::Database(error)) if has_class(error.code().as_deref(), "40") => {
                Self::ChangedMeanwhile
            }
            _ => self,
        }
    }

    /// The same error, or `ChangedMeanwhile` where somebody else has added the same row.
    pub(crate) fn or_there_already(self) -> Self {
        match &self {
            Self::Refused(sqlx::Error::Database(error)) if error.is_unique_violation() => Self::ChangedMeanwhile,
            _ => self,
        }
    }
}

fn trouble_of(code: &str) -> Trouble {
    match code {
        "55P03" => Trouble::Locked,
        "25006" => Trouble::ReadOnly,
        "53100" => Trouble::DiskFull,
        "53300" => Trouble::Connections,
        "57014" => Trouble::Slow,
        "57P01" | "57P02" | "57P03" => Trouble::Unreachable,
        _ => match code.parse::<u32>().map(|code| code & 255) {
            Ok(5 | 6) => Trouble::Locked,
            Ok(8) => Trouble::ReadOnly,
            Ok(13) => Trouble::DiskFull,
            _ => Trouble::Other,
        },
    }
}

/// The error without the driver's preamble.
fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Configuration(error) => error.to_string(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => format!("no safe connection: {error}"),
        sqlx::Error::PoolTimedOut => "no connection could be made, or was free, in time".to_owned(),
        other => other.to_string(),
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = &error else { return Self::Unavailable(error) };
        let (code, text) = (database.code(), database.message().to_owned());
        match code.as_deref() {
            code if is_damage(code) => Self::Damaged(text),
            Some("42501") => Setup::Denied(text).into(),
            Some("3D000") => Setup::NoDatabase(text).into(),
            code if has_class(code, "28") => Setup::Login(text).into(),
            code if is_passing(code) => Self::Unavailable(error),
            _ => Self::Refused(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => error.into(),
            MigrateError::ExecuteMigration(cause, version) => match cause.into() {
                Self::Refused(cause) => Self::Migrate(MigrateError::ExecuteMigration(cause, version)),
                other => other,
            },
            other => Self::Migrate(other),
        }
    }
}

/// SQLite: corrupt (11), not a database (26); PostgreSQL: corrupted data or index.
fn is_damage(code: Option<&str>) -> bool {
    matches!(code, Some("11" | "26" | "267" | "XX001" | "XX002"))
}

/// SQLite: busy, locked, read-only, I/O, full, cannot open, with their extended codes. PostgreSQL: connection, conflict with
/// another transaction, resources, operator, system, a lock that was not free, read-only, idle for too long.
fn is_passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return true };
    if code.len() == 5 {
        return ["08", "40", "53", "57", "58"].contains(&&code[..2]) || ["25006", "25P03", "55P03"].contains(&code);
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 255, 5 | 6 | 8 | 10 | 13 | 14))
}

/// A PostgreSQL code of this class.
fn has_class(code: Option<&str>, class: &str) -> bool {
    code.is_some_and(|code| code.len() == 5 && code.starts_with(class))
}
