//! `ledger`: the key that the ledger's seals are signed with.

use super::problem::Findings;
use super::secret::Source;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `ledger`: how the ledger is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// File of the secret key (mode 0600), see [`super::load_or_create_key`].
    pub key_file: PathBuf,
    /// systemd's name of the key; then the file is not looked at.
    pub key_credential: Option<String>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { key_file: "ledger.key".into(), key_credential: None }
    }
}

impl Ledger {
    /// Where the key lies, for people.
    pub fn place(&self) -> String {
        self.key_credential.clone().unwrap_or_else(|| self.key_file.display().to_string())
    }

    pub(super) fn source<'a>(&'a self, credentials: Option<&'a Path>) -> Source<'a> {
        match (&self.key_credential, credentials) {
            (None, _) => Source::File(&self.key_file),
            (Some(name), Some(folder)) => Source::Credential(folder.join(name)),
            (Some(name), None) => Source::Nowhere(name),
        }
    }

    pub(super) fn validate(&self, found: &mut Findings) {
        if self.key_file.as_os_str().is_empty() {
            found.empty("ledger.key_file");
        }
        let path = |name: &String| name.is_empty() || name.starts_with('.') || name.contains('/');
        if self.key_credential.as_ref().is_some_and(path) {
            found.no_name("ledger.key_credential");
        }
    }
}
