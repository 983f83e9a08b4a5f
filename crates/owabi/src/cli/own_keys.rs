//! Whether both keys are those of the queue: `check` and `doctor` look in the same way, and make none.

use super::exit::Failure;
use crate::config::{Config, SecretError};
use crate::keys::{self, KeyError};
use crate::ledger::key::{self, SealKeyError};
use owabi_store::Store;

/// What is wrong with a key.
pub(super) enum Trouble {
    /// Its file cannot be read, or can be read by others.
    File(&'static str, Failure),
    /// It is gone, is another queue's, or is none.
    Key(&'static str, Failure),
    /// systemd passes the ledger's key, a credential of this name, to the service alone.
    Unseen(String),
}

/// Compares both keys with what `store` was used and sealed with; a key that was never used need not be there.
pub(super) async fn look(config: &Config, store: &Store) -> Vec<Trouble> {
    let own = keys::look(config, store).await.err().map(|error| match &error {
        KeyError::Secret(SecretError::Unreadable { .. } | SecretError::Exposed { .. }) => {
            Trouble::File("keys", error.into())
        }
        _ => Trouble::Key("keys", error.into()),
    });
    let of_seals = key::look(config, store).await.err().map(of_ledger);
    own.into_iter().chain(of_seals).collect()
}

/// The same of the ledger's key without a database: its mode and form.
pub(super) fn look_at_file(config: &Config) -> Option<Trouble> {
    key::look_at_file(config).err().map(of_ledger)
}

fn of_ledger(error: SealKeyError) -> Trouble {
    match error {
        SealKeyError::Secret(SecretError::NoCredentials { name }) => Trouble::Unseen(name),
        SealKeyError::Secret(SecretError::Unreadable { .. } | SecretError::Exposed { .. }) => {
            Trouble::File("ledger", error.into())
        }
        error => Trouble::Key("ledger", error.into()),
    }
}
