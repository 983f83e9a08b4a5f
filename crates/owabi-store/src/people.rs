//! The people: who they are, what they may do, and their logins. Every change has its entry in the ledger.

use crate::error::StoreError;
use crate::open::{Store, on_both};
use crate::sql::{IMPORTERS, LEDGER_APPEND, LOGIN_DONE, LOGIN_TRY, USER_PUT, USERS, USERS_TO_CHANGE};
use owabi_core::people::Role;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sqlx::Row;

/// One person.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The account of the operating system that is this person's.
    pub os_user: Option<String>,
    /// The password's hash, a PHC string.
    pub password: Option<SecretString>,
    /// Whether the person may do nothing any more.
    pub disabled: bool,
    /// Wrong passwords in a row.
    pub failures: i64,
    /// When the last of them came (epoch milliseconds).
    pub failed_at: Option<i64>,
}

/// What is changed about a person.
#[derive(Clone, Debug)]
pub enum UserChange {
    /// A new one.
    Add {
        /// What the person may do.
        role: Role,
        /// The account of the operating system.
        os_user: Option<String>,
        /// The password's hash.
        password: Option<SecretString>,
    },
    /// Another role.
    Role(Role),
    /// Another password, by its hash.
    Password(SecretString),
    /// May do nothing any more, or may again.
    Disabled(bool),
}

/// Why a person is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRefused {
    /// The name is taken, perhaps in other letters.
    NameTaken,
    /// The account of the operating system is somebody else's.
    AccountTaken,
    /// Nobody has this name.
    Unknown,
    /// The first person must be an admin.
    FirstMustBeAdmin,
    /// Nobody would be left who may change people.
    LastAdmin,
}

impl UserChange {
    /// The person as changed, if that may be.
    fn apply(&self, users: &[User], name: &str) -> Result<User, UserRefused> {
        let known = || users.iter().find(|user| user.name == name).cloned().ok_or(UserRefused::Unknown);
        let changed = match self {
            Self::Add { role, os_user, password } => {
                add(users, name, *role, os_user.as_deref())?;
                let (os_user, password) = (os_user.clone(), password.clone());
                User {
                    name: name.to_owned(),
                    role: *role,
                    os_user,
                    password,
                    disabled: false,
                    failures: 0,
                    failed_at: None,
                }
            }
            Self::Role(role) => User { role: *role, ..known()? },
            Self::Password(hash) => User { password: Some(hash.clone()), failures: 0, failed_at: None, ..known()? },
            Self::Disabled(disabled) => User { disabled: *disabled, ..known()? },
        };
        let others = users.iter().filter(|user| user.name != name);
        let left = others.chain([&changed]).any(|user| user.role == Role::Admin && !user.disabled);
        if left { Ok(changed) } else { Err(UserRefused::LastAdmin) }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add",
            Self::Role(_) => "role",
            Self::Password(_) => "password",
            Self::Disabled(true) => "disable",
            Self::Disabled(false) => "enable",
        }
    }
}

fn add(users: &[User], name: &str, role: Role, os_user: Option<&str>) -> Result<(), UserRefused> {
    if users.iter().any(|user| user.name.to_lowercase() == name.to_lowercase()) {
        Err(UserRefused::NameTaken)
    } else if os_user.is_some() && users.iter().any(|user| user.os_user.as_deref() == os_user) {
        Err(UserRefused::AccountTaken)
    } else if users.is_empty() && role != Role::Admin {
        Err(UserRefused::FirstMustBeAdmin)
    } else {
        Ok(())
    }
}

/// A person, from either database's row.
macro_rules! user {
    ($row:expr) => {
        User {
            name: $row.get(0),
            role: role($row.get(1))?,
            os_user: $row.get(2),
            password: $row.get::<Option<String>, _>(3).map(SecretString::from),
            disabled: $row.get(4),
            failures: $row.get(5),
            failed_at: $row.get(6),
        }
    };
}

fn role(word: &str) -> Result<Role, StoreError> {
    word.parse().map_err(|error: owabi_core::people::UnknownRole| StoreError::Damaged(format!("users: {error}")))
}

impl Store {
    /// Everybody, by name.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(USERS.on(dialect)).fetch_all(pool).await?;
            rows.iter().map(|row| Ok(user!(row))).collect()
        })
    }

    /// Adds or changes a person, unless that may not be.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn change_user(
        &self,
        name: &str,
        change: &UserChange,
        actor: &str,
        now: i64,
    ) -> Result<Result<(), UserRefused>, StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            let rows = sqlx::query(USERS_TO_CHANGE.on(dialect)).fetch_all(&mut *tx).await?;
            let users = rows.iter().map(|row| Ok(user!(row))).collect::<Result<Vec<_>, StoreError>>()?;
            let user = match change.apply(&users, name) {
                Ok(user) => user,
                Err(refused) => return Ok(Err(refused)),
            };
            let put = sqlx::query(USER_PUT.on(dialect)).bind(name).bind(user.role.as_str()).bind(&user.os_user);
            let put = put.bind(user.password.as_ref().map(|hash| hash.expose_secret().to_owned())).bind(user.disabled);
            put.bind(user.failures).bind(user.failed_at).bind(now).execute(&mut *tx).await?;
            let (role, os_user) = (user.role.as_str(), &user.os_user);
            let body = json!({ "user": name, "change": change.word(), "role": role, "os_user": os_user }).to_string();
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(actor).bind("user");
            entry.bind(None::<String>).bind(&body).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(Ok(()))
        })
    }

    /// Counts a try to log in, before the password is looked at. Returns false when somebody else tried since
    /// `failures` was read: read it again.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn try_login(&self, name: &str, failures: i64, now: i64) -> Result<bool, StoreError> {
        on_both!(self, writer, |pool, dialect| {
            let counted = sqlx::query(LOGIN_TRY.on(dialect)).bind(name).bind(failures).bind(now).execute(pool).await?;
            Ok(counted.rows_affected() > 0)
        })
    }

    /// Records that a person has logged in from an account of the operating system; wrong passwords are forgotten.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn logged_in(&self, name: &str, account: &str, now: i64) -> Result<(), StoreError> {
        let body = json!({ "account": account }).to_string();
        on_both!(self, writer, |pool, dialect| {
            let mut tx = pool.begin_with(dialect.begin()).await?;
            sqlx::query(LOGIN_DONE.on(dialect)).bind(name).execute(&mut *tx).await?;
            let entry = sqlx::query(LEDGER_APPEND.on(dialect)).bind(now).bind(name).bind("login");
            entry.bind(None::<String>).bind(&body).execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
    }

    /// Whose imports brought or renewed the rows of a notice that are held.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn importers(&self, notice_id: &str) -> Result<Vec<String>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(IMPORTERS.on(dialect)).bind(notice_id).fetch_all(pool).await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
    }
}
