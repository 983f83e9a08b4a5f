//! `receipts`: where bounces and the relay's log come from, and what their silence means.

use super::problem::Findings;
use super::{Span, Tls};
use crate::cli::say::say;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `receipts`: what the daemon reads beside its work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receipts {
    /// A Maildir in which bounces arrive.
    pub maildir: Option<PathBuf>,
    /// A mailbox on an IMAP server.
    pub imap: Imap,
    /// Postfix's log file.
    pub maillog: Option<PathBuf>,
    /// Postfix's log in the journal (journalctl).
    pub journal: bool,
    /// How often sources are looked at that do not tell of news themselves.
    pub poll: Span,
    /// After this long without a bounce an accepted mail is shown as "accepted, no bounce by".
    pub quiet: Span,
    /// The longest that a mail in doubt waits for a source that cannot be read before it is sent again.
    pub patience: Span,
    /// Whether "handed to another host, which sends no receipts" counts as delivered: not behind a smarthost.
    pub relayed_is_delivered: bool,
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            maildir: None,
            imap: Imap::default(),
            maillog: None,
            journal: false,
            poll: Span::seconds(30),
            quiet: Span::days(5),
            patience: Span::days(1),
            relayed_is_delivered: true,
        }
    }
}

/// `receipts.imap`: the mailbox, and how it is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Imap {
    /// Host name or IP address; `None` is off.
    pub host: Option<String>,
    /// Port; `None` means 993, or 143 with starttls and none.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: Tls,
    /// PEM file of the only authorities to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The name its certificate must have, when it is not `host`.
    pub server_name: Option<String>,
    /// User name.
    pub user: String,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// Name of the systemd credential with the password.
    pub password_credential: Option<String>,
    /// Allow logging in over an unprotected connection.
    pub auth_without_tls: bool,
    /// The folder that is read.
    pub folder: String,
    /// Where what was recorded goes; made when it is missing.
    pub processed: String,
    /// Where what a person must look at goes; made when it is missing.
    pub review: String,
    /// Wait for news with IDLE where the server has it.
    pub idle: bool,
}

impl Default for Imap {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            tls: Tls::Implicit,
            ca_file: None,
            server_name: None,
            user: String::new(),
            password_file: None,
            password_credential: None,
            auth_without_tls: false,
            folder: "INBOX".to_owned(),
            processed: "owabi/processed".to_owned(),
            review: "owabi/review".to_owned(),
            idle: true,
        }
    }
}

impl Imap {
    /// The port to connect to: 993 for implicit TLS, else 143, unless it is set.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls == Tls::Implicit { 993 } else { 143 })
    }

    fn validate(&self, found: &mut Findings) {
        let at = "receipts.imap";
        if self.host.is_none() {
            return;
        }
        let (file, credential) = (self.password_file.as_deref(), self.password_credential.as_deref());
        super::secret::one_source(found, at, file, credential);
        if self.user.is_empty() || (file.is_none() && credential.is_none()) {
            found.refuse(
                format!("{at}.user"),
                say!(
                    ja: "ユーザー名とパスワードが必要です。user と、password_file か password_credential の一方を指定してください。",
                    en: "user and password are needed: set user and one of password_file, password_credential"
                ),
            );
        }
        if self.tls == Tls::None && !self.auth_without_tls {
            found.in_the_clear(format!("{at}.tls"));
        }
        if self.ca_file.is_some() && self.tls == Tls::None {
            found.without_tls(format!("{at}.ca_file"));
        }
        let folders = [&self.folder, &self.processed, &self.review];
        if folders.iter().any(|name| name.is_empty()) || self.folder == self.processed || self.folder == self.review {
            found.refuse(
                format!("{at}.folder"),
                say!(
                    ja: "folder、processed、review にはフォルダーの名前を書き、processed と review は folder と別にしてください。",
                    en: "folder, processed and review must be names, and not the folder again"
                ),
            );
        }
    }
}

impl Receipts {
    pub(super) fn resolve(&mut self, folder: &Path) {
        let Self { maildir, maillog, imap, .. } = self;
        for path in [maildir, maillog, &mut imap.ca_file, &mut imap.password_file] {
            super::resolve_option(path, folder);
        }
    }

    pub(super) fn validate(&self, found: &mut Findings) {
        self.imap.validate(found);
        for (key, span) in [("poll", self.poll), ("quiet", self.quiet)] {
            if span == Span::ZERO {
                found.no_time(format!("receipts.{key}"));
            }
        }
    }
}
