//! A configuration with all that it names on disk: read once, so that what was found good stays good until it is used.

use crate::config::{Config, ConfigError};
use crate::library::Library;
use crate::receipts::imap::Mailbox;
use crate::receipts::sources::mailbox;
use crate::relays;
use owabi_smtp::relay::Relay;
use std::sync::Arc;

/// What a run with one configuration is made of.
pub(super) struct Built {
    pub(super) config: Config,
    /// With their passwords and certificates.
    pub(super) relays: Vec<Relay>,
    /// With its password.
    pub(super) mailbox: Option<Mailbox>,
    /// The notices on disk.
    pub(super) library: Arc<Library>,
}

impl Built {
    /// Reads all of it.
    ///
    /// # Errors
    /// Every password or certificate file that cannot be read.
    pub(super) fn of(config: Config) -> Result<Self, ConfigError> {
        config.check_secrets()?;
        config.check_authorities()?;
        let (relays, mailbox) = (relays::relays(&config)?, mailbox(&config)?);
        let library = Arc::new(load_library(&config));
        Ok(Self { config, relays, mailbox, library })
    }
}

/// The notices on disk. A released one whose files are not those that were released keeps no other back: the dispatcher tells
/// of it and does not send it.
fn load_library(config: &Config) -> Library {
    let library = Library::load(config);
    for problem in library.problems.iter().filter(|problem| !problem.warning) {
        tracing::warn!(problem = problem.what.en, "a notice cannot be used");
    }
    library
}
