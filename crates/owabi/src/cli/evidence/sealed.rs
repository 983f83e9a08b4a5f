//! Everything sealed first, so that evidence is complete.

use crate::cli::exit::Failure;
use crate::clock;
use crate::config::Config;
use crate::ledger::{Noted, Sealer, key};
use owabi_core::ids::Keys;
use owabi_core::ledger::{Head, SealKey};
use owabi_store::Store;

/// Seals what is not sealed yet, and gives the key of the seals and the newest head.
///
/// # Errors
/// The database's and the key's.
pub(crate) async fn seal_all(config: &Config, store: &Store, keys: &Keys) -> Result<(SealKey, Head), Failure> {
    let key = key::load(config, store).await?;
    let mut sealer = Sealer::new(store.clone(), keys.clone(), key.clone()).await?.noting(Noted::of(config));
    while sealer.seal(clock::now_ms()).await? > 0 {}
    Ok((key, sealer.head()))
}
