//! `database`, `notices` and `keys`: where things lie.

use super::Span;
use super::problem::Findings;
use crate::cli::say::{Text, say};
use owabi_store::postgres_url_problem;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `database`: where the queue, the attempts and the ledger are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:FILE` or `postgres://user@host/db`, without a password.
    pub url: String,
    /// How long a statement waits for another one's lock.
    pub busy_timeout: Span,
    /// SQLite: connections that only read (console, status) beside the one that writes.
    pub readers: u32,
    /// PostgreSQL: file with the role's password.
    pub password_file: Option<PathBuf>,
    /// PostgreSQL: name of the systemd credential with the role's password.
    pub password_credential: Option<String>,
    /// PostgreSQL: what a connection is protected by.
    pub tls: DatabaseTls,
    /// PostgreSQL: PEM file of authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// PostgreSQL: PEM file of the certificate that we show.
    pub client_cert: Option<PathBuf>,
    /// PostgreSQL: PEM file of its key.
    pub client_key: Option<PathBuf>,
    /// PostgreSQL: connections of this process for everything but recording, which has one more. `run` keeps one of them
    /// for listening.
    pub pool: u32,
    /// PostgreSQL: after this long the server gives up a statement.
    pub statement_timeout: Span,
    /// PostgreSQL: the longest wait for a connection.
    pub connect_timeout: Span,
}

/// What a connection to PostgreSQL is protected by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseTls {
    /// The URL's `sslmode`; without one `None` for a unix socket or a loopback host, else `VerifyFull`.
    #[default]
    Auto,
    /// Nothing.
    None,
    /// Encrypted; the server may be anybody.
    Require,
    /// The server's certificate is from an authority that we trust; its name may be any.
    VerifyCa,
    /// The certificate is for the very host of the URL.
    VerifyFull,
}

impl From<DatabaseTls> for owabi_store::Tls {
    fn from(tls: DatabaseTls) -> Self {
        match tls {
            DatabaseTls::Auto => Self::Auto,
            DatabaseTls::None => Self::None,
            DatabaseTls::Require => Self::Require,
            DatabaseTls::VerifyCa => Self::VerifyCa,
            DatabaseTls::VerifyFull => Self::VerifyFull,
        }
    }
}

/// What is wrong with a database's URL. It never quotes the URL: a password may be in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlProblem {
    /// It is of neither kind.
    #[error("is not a database owabi knows")]
    Unknown,
    /// Passwords come from files.
    #[error("holds a password")]
    Password,
    /// The name of a parameter that has no meaning here.
    #[error("has an unknown parameter {0:?}")]
    Parameter(String),
    /// The driver's words.
    #[error("cannot be used: {0}")]
    Unusable(String),
}

impl UrlProblem {
    /// What to do about it.
    fn hint(&self) -> Text {
        match self {
            Self::Password => say!(
                ja: "パスワードはファイルに置き、database.password_file か database.password_credential で指定してください。",
                en: "passwords come from files: set database.password_file or database.password_credential"
            ),
            _ => say!(
                ja: "sqlite:ファイル か postgres://ユーザー@ホスト/データベース の形で書いてください。",
                en: "write sqlite:FILE or postgres://user@host/db"
            ),
        }
    }

    /// What is wrong, for people.
    fn what(&self) -> Text {
        match self {
            Self::Unknown => say!(ja: "対応していない形式です。", en: "{self}"),
            Self::Password => say!(ja: "パスワードが含まれています。", en: "{self}"),
            Self::Parameter(name) => say!(ja: "{name:?} は使えない指定です。", en: "{self}"),
            Self::Unusable(said) => say!(ja: "使えません({said})。", en: "{self}"),
        }
    }
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
            busy_timeout: Span::seconds(10),
            readers: 4,
            password_file: None,
            password_credential: None,
            tls: DatabaseTls::default(),
            ca_file: None,
            client_cert: None,
            client_key: None,
            pool: 8,
            statement_timeout: Span::seconds(30),
            connect_timeout: Span::seconds(10),
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
        for path in [&mut self.password_file, &mut self.ca_file, &mut self.client_cert, &mut self.client_key] {
            super::resolve_option(path, folder);
        }
    }

    pub(super) fn validate(&self, found: &mut Findings) {
        if let Some(problem) = self.url_problem() {
            found.refuse_with("database.url", problem.what(), problem.hint());
        }
        super::secret::one_source(
            found,
            "database",
            self.password_file.as_deref(),
            self.password_credential.as_deref(),
        );
        found.at_least_one("database.readers", self.readers);
        self.validate_tls(found);
        if self.pool < 4 {
            found.refuse("database.pool", say!(ja: "4 以上にしてください。", en: "must be at least 4"));
        }
        for (key, span) in [
            ("busy_timeout", self.busy_timeout),
            ("statement_timeout", self.statement_timeout),
            ("connect_timeout", self.connect_timeout),
        ] {
            if span == Span::ZERO {
                found.no_time(format!("database.{key}"));
            }
        }
    }

    /// What is wrong with the URL.
    pub(crate) fn url_problem(&self) -> Option<UrlProblem> {
        match self.target() {
            None => Some(UrlProblem::Unknown),
            Some(Target::Postgres(url)) if has_password(&url) => Some(UrlProblem::Password),
            Some(Target::Postgres(url)) => {
                let unknown = unknown_parameter(&url).map(|name| UrlProblem::Parameter(name.to_owned()));
                unknown.or_else(|| postgres_url_problem(&url).map(UrlProblem::Unusable))
            }
            Some(Target::Sqlite(_)) => None,
        }
    }

    fn validate_tls(&self, found: &mut Findings) {
        let verifies = matches!(self.tls, DatabaseTls::Auto | DatabaseTls::VerifyCa | DatabaseTls::VerifyFull);
        if self.tls != DatabaseTls::Auto && parameters(&self.url).any(|name| name == "sslmode" || name == "ssl-mode") {
            found.refuse_with(
                "database.tls",
                say!(ja: "database.url にも sslmode があります。", en: "database.url has an sslmode, too"),
                say!(
                    ja: "どちらか一つにしてください。URL から sslmode を除くか、database.tls を auto のままにします。",
                    en: "say it once: take sslmode out of the URL, or leave database.tls at auto"
                ),
            );
        }
        if self.ca_file.is_some() && !verifies {
            found.refuse_with(
                "database.ca_file",
                say!(
                    ja: "サーバーの証明書を検証しない設定では意味がありません。",
                    en: "has no meaning without a check of the server's certificate"
                ),
                say!(
                    ja: "tls: verify-full にすると、サーバーの証明書を検証します。",
                    en: "with tls: verify-full the server's certificate is checked"
                ),
            );
        }
        if self.tls == DatabaseTls::VerifyCa && self.ca_file.is_none() {
            found.refuse_with(
                "database.tls",
                say!(ja: "verify-ca には database.ca_file が必要です。", en: "verify-ca needs database.ca_file"),
                say!(
                    ja: "自前の認証局の証明書を指定してください。システムの認証局は、だれのサーバーにも証明書を発行します。",
                    en: "name your own authority; those of the system vouch for anybody's server"
                ),
            );
        }
        if self.client_cert.is_some() != self.client_key.is_some() {
            found.refuse(
                "database.client_cert",
                say!(ja: "client_cert と client_key は両方とも指定してください。", en: "client_cert and client_key go together"),
            );
        }
        if self.client_cert.is_some() && self.tls == DatabaseTls::None {
            found.without_tls("database.client_cert");
        }
    }
}

/// The parameters that a PostgreSQL URL may have.
const PARAMETERS: [&str; 13] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "application_name",
    "options",
];

/// The names of a URL's parameters, without their values.
fn parameters(url: &str) -> impl Iterator<Item = &str> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
}

fn unknown_parameter(url: &str) -> Option<&str> {
    parameters(url).find(|name| !PARAMETERS.contains(name))
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
