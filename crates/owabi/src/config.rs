//! The configuration: one struct a section, each with its defaults and its checks.
//!
//! [`Config::load`] finds the file, lays the environment's overrides on it, gives it types, checks every section and
//! resolves relative paths against the file's folder. It reports every problem it can find at once.

mod alerts;
mod authorities;
mod commented;
mod database;
mod dispatch;
mod environment;
mod find;
mod health;
mod ledger;
mod log;
mod pacing;
mod placed;
mod problem;
mod read;
mod receipts;
mod secret;
mod smtp;
#[cfg(test)]
mod tests;
mod words;

pub use alerts::Alerts;
pub use commented::{CommentedKey, commented_keys};
pub(crate) use database::UrlProblem;
pub use database::{Database, DatabaseTls, Keys, Notices, Target};
pub use dispatch::{Dispatch, Jitter, Retry};
pub use environment::Environment;
pub use health::Health;
pub use ledger::Ledger;
pub use log::{Language, Log, LogFormat, TestSend};
pub use owabi_core::yaml::{Span, SpanError};
pub use pacing::{DomainLimit, Pacing, Presets};
pub(crate) use placed::{KEY_FILES, commented_for};
pub use problem::{ConfigError, Problem};
pub use receipts::{Imap, Receipts};
pub(crate) use secret::read_secret;
pub use secret::{Key, SecretError, Wanted, load_or_create_key};
pub use smtp::{Bounce, Deadlines, Relay, Smtp, Tls};
pub(crate) use words::{io_error, unreadable};

use owabi_store::{OpenOptions, PostgresOptions};
use problem::Findings;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The commented configuration that ships with owabi: every key with its default.
pub const COMMENTED: &str = include_str!("../../../config/owabi.yaml");

/// The whole configuration. After [`Config::load`] its paths are absolute or relative to the working directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the queue is kept.
    pub database: Database,
    /// Where notices and templates lie.
    pub notices: Notices,
    /// Where the bounce tokens' secret lies.
    pub keys: Keys,
    /// How the ledger is sealed.
    pub ledger: Ledger,
    /// Relays, deadlines and the envelope sender.
    pub smtp: Smtp,
    /// How rows are taken from the queue.
    pub dispatch: Dispatch,
    /// How members are tried again.
    pub retry: Retry,
    /// How fast mails go to one domain.
    pub pacing: Pacing,
    /// Where bounces and the relay's log come from.
    pub receipts: Receipts,
    /// Where the daemon says whether all is well.
    pub health: Health,
    /// Whom the daemon tells what a person must know.
    pub alerts: Alerts,
    /// The program's own log.
    pub log: Log,
    /// Who may get a test mail.
    pub test_send: TestSend,
    /// The command line's language.
    pub language: Language,
    /// The file it was read from.
    #[serde(skip)]
    pub file: PathBuf,
    #[serde(skip)]
    credentials: Option<PathBuf>,
}

impl Config {
    /// Finds and reads the configuration: `named` (`--config`), else the usual places.
    pub fn load(named: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let file = find::find(named, environment)?;
        let text = std::fs::read_to_string(&file).map_err(|e| {
            ConfigError::one(Problem {
                file: file.display().to_string(),
                message: unreadable(&e),
                ..Problem::default()
            })
        })?;
        Self::read(&file, &text, environment)
    }

    /// Reads a configuration text as if it stood in `file`; `file` itself is not opened.
    pub fn read(file: &Path, text: &str, environment: &Environment) -> Result<Self, ConfigError> {
        let mut config = read::read(&file.display().to_string(), text, environment)?;
        config.resolve(file.parent().unwrap_or(Path::new("")));
        file.clone_into(&mut config.file);
        config.credentials = environment.get("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Ok(config)
    }

    /// The folder of the credentials that systemd passed. systemd 252 names it to an `ExecReload`, too, and keeps it shut
    /// (systemd.exec(5), "Credentials").
    fn passed(&self) -> Option<&Path> {
        self.credentials.as_deref().filter(|folder| std::fs::read_dir(folder).is_ok())
    }

    /// The password of one of this configuration's relays; `None` when it needs no login.
    pub fn relay_password(&self, relay: &Relay) -> Result<Option<SecretString>, SecretError> {
        let (file, credential) = (relay.password_file.as_deref(), relay.password_credential.as_deref());
        secret::read(file, credential, self.passed())
    }

    /// The bounce mailbox's password, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn imap_password(&self) -> Result<Option<SecretString>, ConfigError> {
        let in_config = |error: SecretError| ConfigError::one(error.into_problem(&self.file, "receipts.imap"));
        self.imap_secret().map_err(in_config)
    }

    fn imap_secret(&self) -> Result<Option<SecretString>, SecretError> {
        let imap = &self.receipts.imap;
        let (file, credential) = (imap.password_file.as_deref(), imap.password_credential.as_deref());
        secret::read(file, credential, self.passed())
    }

    /// The PostgreSQL password, if there is one.
    pub fn database_password(&self) -> Result<Option<SecretString>, SecretError> {
        let (file, credential) = (self.database.password_file.as_deref(), self.database.password_credential.as_deref());
        secret::read(file, credential, self.passed())
    }

    /// The key that the ledger's seals are signed with. A file that is not there is created with `may_create`.
    ///
    /// # Errors
    /// When it cannot be read or is no key.
    pub fn ledger_secret(&self, may_create: bool) -> Result<Key, SecretError> {
        secret::key_of(self.ledger.source(self.passed()), may_create)
    }

    /// How to open the configured database.
    ///
    /// # Errors
    /// When its password cannot be read.
    pub fn open_options(&self) -> Result<OpenOptions, ConfigError> {
        let database = &self.database;
        let in_config = |error: SecretError| ConfigError::one(error.into_problem(&self.file, "database"));
        Ok(OpenOptions {
            busy_timeout: database.busy_timeout.duration(),
            connections: database.readers,
            postgres: PostgresOptions {
                tls: database.tls.into(),
                ca_file: database.ca_file.clone(),
                client_cert: database.client_cert.clone(),
                client_key: database.client_key.clone(),
                password: self.database_password().map_err(in_config)?,
                pool: database.pool,
                statement_timeout: database.statement_timeout.duration(),
                connect_timeout: database.connect_timeout.duration(),
            },
            ..OpenOptions::new(database.url.clone())
        })
    }

    /// The same without the passwords of systemd credentials, where systemd passed none to this process, also those that are named as
    /// files of a folder that it keeps shut, and what is left out: key and credential. Who only looks can go on with it; nobody can
    /// connect.
    pub fn without_unseen(&self) -> (Self, Vec<(String, String)>) {
        let (mut seen, mut left) = (self.clone(), Vec::new());
        if self.passed().is_some() {
            return (seen, left);
        }
        for (n, relay) in seen.smtp.relays.iter_mut().enumerate() {
            let (file, credential) = (&mut relay.password_file, &mut relay.password_credential);
            let unseen = self.leave(&format!("smtp.relays[{n}].password"), file, credential);
            relay.user = relay.user.take().filter(|_| unseen.is_none());
            left.extend(unseen);
        }
        let imap = &mut seen.receipts.imap;
        left.extend(self.leave("receipts.imap.password", &mut imap.password_file, &mut imap.password_credential));
        let database = &mut seen.database;
        left.extend(self.leave("database.password", &mut database.password_file, &mut database.password_credential));
        left.extend(self.leave_file("database.client_key", &mut database.client_key));
        (seen, left)
    }

    /// Takes what cannot be seen of a password.
    fn leave(&self, at: &str, file: &mut Option<PathBuf>, credential: &mut Option<String>) -> Option<(String, String)> {
        let unseen = credential.take().map(|name| (format!("{at}_credential"), name));
        unseen.or_else(|| self.leave_file(&format!("{at}_file"), file))
    }

    /// Takes a file of the folder that is named and shut.
    fn leave_file(&self, at: &str, file: &mut Option<PathBuf>) -> Option<(String, String)> {
        let name = file.as_ref()?.strip_prefix(self.credentials.as_ref()?).ok()?.display().to_string();
        *file = None;
        Some((at.to_owned(), name))
    }

    /// Reads every secret once, so that a missing or readable-by-all one is found at start.
    pub fn check_secrets(&self) -> Result<(), ConfigError> {
        let relays = self.smtp.relays.iter().enumerate();
        let mut checks: Vec<_> =
            relays.map(|(n, relay)| (format!("smtp.relays[{n}]"), self.relay_password(relay).err())).collect();
        checks.push(("database".to_owned(), self.database_password().err()));
        checks.push(("receipts.imap".to_owned(), self.imap_secret().err()));
        let client_key = self.database.client_key.as_deref();
        let client_key = client_key.and_then(|file| secret::check_guarded(file, self.passed()).err());
        checks.push(("database.client_key".to_owned(), client_key));
        let problems: Vec<_> = checks
            .into_iter()
            .filter_map(|(at, error)| error.map(|error| error.into_problem(&self.file, &at)))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }

    fn resolve(&mut self, folder: &Path) {
        self.database.resolve(folder);
        self.smtp.resolve(folder);
        self.receipts.resolve(folder);
        self.alerts.resolve(folder);
        let Self { notices, keys, ledger, dispatch, .. } = self;
        let files = [&mut keys.file, &mut ledger.key_file, &mut dispatch.spool];
        for path in [&mut notices.dir, &mut notices.templates].into_iter().chain(files) {
            *path = folder.join(&*path);
        }
    }

    fn validate(&self) -> Findings {
        let mut found = Findings::default();
        self.database.validate(&mut found);
        self.smtp.validate(&mut found);
        self.dispatch.validate(self.smtp.deadlines.dot, &mut found);
        self.retry.validate(&mut found);
        self.pacing.validate(&mut found);
        self.receipts.validate(&mut found);
        self.health.validate(&mut found);
        self.ledger.validate(&mut found);
        self.alerts.validate(&mut found);
        self.log.validate(&mut found);
        self.test_send.validate(&mut found);
        for (key, path) in [
            ("notices.dir", &self.notices.dir),
            ("notices.templates", &self.notices.templates),
            ("keys.file", &self.keys.file),
            ("dispatch.spool", &self.dispatch.spool),
        ] {
            if path.as_os_str().is_empty() {
                found.empty(key);
            }
        }
        found
    }
}

/// Makes an optional path relative to `folder`.
fn resolve_option(path: &mut Option<PathBuf>, folder: &Path) {
    if let Some(path) = path {
        *path = folder.join(&*path);
    }
}
