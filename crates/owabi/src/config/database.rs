//! `database`, `notices` and `keys`: where things lie.

use super::Span;
use super::problem::Findings;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `database`: where the queue, the attempts and the ledger are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:FILE` or `postgres://user@host/db`, without a password.
    pub url: String,
    /// File with the PostgreSQL password.
    pub password_file: Option<PathBuf>,
    /// Name of the systemd credential with the PostgreSQL password.
    pub password_credential: Option<String>,
    /// How long a statement waits for another one's lock.
    pub busy_timeout: Span,
    /// Connections that only read (console, status) beside the one that writes.
    pub readers: u32,
}

/// What the database's URL leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL URL without password.
    Postgres(String),
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:owabi.db".to_owned(),
            password_file: None,
            password_credential: None,
            busy_timeout: Span::seconds(10),
            readers: 4,
        }
    }
}

impl Database {
    /// What the URL leads to; `None` when it is neither kind (which loading has refused).
    pub fn target(&self) -> Option<Target> {
        if self.url.starts_with("postgres://") || self.url.starts_with("postgresql://") {
            return Some(Target::Postgres(self.url.clone()));
        }
        let rest = self.url.strip_prefix("sqlite:")?;
        let file = rest.strip_prefix("//").unwrap_or(rest);
        let is_file = !file.is_empty() && !file.ends_with('/') && !file.contains(['?', '#']) && !file.starts_with(':');
        is_file.then(|| Target::Sqlite(PathBuf::from(file)))
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Some(Target::Sqlite(file)) = self.target() {
            self.url = format!("sqlite:{}", folder.join(file).display());
        }
        super::resolve_option(&mut self.password_file, folder);
    }

    pub(super) fn validate(&self, found: &mut Findings) {
        const FORMS: &str = "write sqlite:FILE or postgres://user@host/db";
        match self.target() {
            None => found.refuse_with("database.url", "is not a database owabi knows", FORMS),
            Some(Target::Postgres(url)) if has_password(&url) => found.refuse_with(
                "database.url",
                "holds a password",
                "passwords come from files: set database.password_file or database.password_credential",
            ),
            Some(_) => {}
        }
        super::secret::one_source(
            found,
            "database",
            self.password_file.as_deref(),
            self.password_credential.as_deref(),
        );
        found.at_least_one("database.readers", self.readers);
    }
}

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or(""));
    let in_user = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    in_user || url.contains("password=")
}

/// `notices`: where the notices and their templates lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notices {
    /// Folder of `<id>.yaml`.
    pub dir: PathBuf,
    /// Folder of `<id>/{subject.txt,body.txt,body.html}.hbs`.
    pub templates: PathBuf,
}

impl Default for Notices {
    fn default() -> Self {
        Self { dir: "notices".into(), templates: "templates".into() }
    }
}

/// `keys`: the secret behind bounce tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// File of the secret (mode 0600), see [`super::load_or_create_key`].
    pub file: PathBuf,
}

impl Default for Keys {
    fn default() -> Self {
        Self { file: "owabi.key".into() }
    }
}
