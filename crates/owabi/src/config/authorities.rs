//! Files of certificates of the authorities to trust.

use super::problem::{ConfigError, Problem};
use super::{Config, io_error};
use crate::cli::say::say;
use owabi_smtp::tls;
use std::path::Path;

impl Config {
    /// Looks at the authorities of the database and the mailbox once, so that a file without any is found at start. Those of
    /// relays are read with the relays.
    ///
    /// # Errors
    /// Every file that cannot be read or has no certificate.
    pub fn check_authorities(&self) -> Result<(), ConfigError> {
        let (database, imap) = (self.database.ca_file.as_deref(), self.receipts.imap.ca_file.as_deref());
        let files = [("database.ca_file", database), ("receipts.imap.ca_file", imap)];
        let problems: Vec<_> = files
            .into_iter()
            .filter_map(|(at, file)| self.authorities(at, file?).err())
            .map(|problem| *problem)
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }

    /// The PEM file at the key `at`, with at least one certificate in it.
    ///
    /// # Errors
    /// It cannot be read, or has none.
    pub(crate) fn authorities(&self, at: &str, file: &Path) -> Result<Vec<u8>, Box<Problem>> {
        let shown = file.display();
        let message = match std::fs::read(file) {
            Ok(pem) if tls::has_certificate(&pem) => return Ok(pem),
            Ok(_) => say!(ja: "{shown} に証明書がありません。", en: "there is no certificate in {shown}"),
            Err(error) => {
                let why = io_error(&error);
                say!(ja: "{shown}: {why}", en: "{shown}: {error}")
            }
        };
        Err(Box::new(Problem {
            file: self.file.display().to_string(),
            path: at.to_owned(),
            message,
            hint: Some(say!(
                ja: "認証局の証明書(PEM、BEGIN CERTIFICATE)を指定してください。",
                en: "name the authority's certificate (PEM, BEGIN CERTIFICATE)"
            )),
            ..Problem::default()
        }))
    }
}
