//! The ledger: sealed while the daemon runs, checked when somebody asks.

mod beside;
pub mod key;
mod leaves;
mod loose;
mod noted;
mod sealer;
mod standings;
mod verify;

pub use beside::Mismatch;
pub use loose::{Sort, Unexplained};
pub use noted::{Noted, Older};
pub use sealer::{Sealer, Sealing};
pub use standings::Misplaced;
pub(crate) use standings::{Standings, Stands};
pub use verify::{Bad, Checked, check};

use owabi_core::ledger::{Head, NO_SEAL, PublicKey, Seal, StoredSeal};
use owabi_store::{Store, StoreError};

/// The newest seal as it stands there; [`check()`] looks whether it is genuine.
///
/// # Errors
/// `Unavailable`.
pub async fn newest_head(store: &Store, key: &PublicKey) -> Result<Head, StoreError> {
    let (queue, key) = (store.queue_id().await?, key.id());
    let (mut entries, mut last) = (0, None);
    loop {
        let after = last.as_ref().map_or(0, |seal: &StoredSeal| seal.number);
        let seals = store.seals_after(after, 1_000).await?;
        entries += seals.iter().map(|seal| seal.entries).sum::<i64>();
        match seals.into_iter().next_back() {
            Some(seal) => last = Some(seal),
            None => break,
        }
    }
    Ok(match last {
        Some(seal) => Head { queue, number: seal.number, at: seal.at, entries, hash: Seal::hash_of(&seal.text), key },
        None => Head { queue, number: 0, at: 0, entries: 0, hash: NO_SEAL, key },
    })
}
