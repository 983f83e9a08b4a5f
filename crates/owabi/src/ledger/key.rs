//! The key of the seals, bound to its database as the installation's secret is.

use crate::cli::say::{Text, say};
use crate::config::{Config, SecretError};
use owabi_core::ledger::{PublicKey, SealKey, StoredSeal};
use owabi_store::{Store, StoreError};
use secrecy::ExposeSecret;
use std::io::ErrorKind;

/// Where the database keeps the public half.
const PUBLIC: &str = "ledger_key";

/// Why the seals' key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    /// The file cannot be read, is readable by others, or is no key.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The ledger was sealed with a key, and its file is gone.
    #[error("the key of the ledger's seals is missing ({0})")]
    Missing(String),
    /// The ledger was sealed with another key.
    #[error("{place} is not the key of this ledger: it is {found}, the ledger is sealed with {recorded}")]
    Different {
        /// Where the key lies.
        place: String,
        /// The id of that key.
        found: String,
        /// The id of the ledger's key.
        recorded: String,
    },
    /// What the database has is no key.
    #[error("the database names no usable key of its ledger")]
    Unreadable,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SealKeyError {
    /// What is wrong, for people.
    pub(crate) fn what(&self) -> Text {
        match self {
            Self::Missing(place) => {
                say!(ja: "台帳の封印の鍵 {place} がありません。この台帳はその鍵で封印されています。", en: "{self}")
            }
            Self::Different { place, found, recorded } => say!(
                ja: "{place} はこの台帳の鍵ではありません(鍵 {found}、台帳 {recorded})。",
                en: "{self}"
            ),
            Self::Unreadable => say!(ja: "データベースにある台帳の公開鍵を読めません。", en: "{self}"),
            Self::Secret(error) => {
                let Text { ja, en } = error.what();
                say!(ja: "台帳の鍵を使えません: {ja}", en: "the ledger's key cannot be used: {en}")
            }
            Self::Store(error) => {
                say!(ja: "台帳の鍵を使えません: {error}", en: "the ledger's key cannot be used: {error}")
            }
        }
    }

    /// What to do about it.
    pub(crate) fn next(&self) -> Option<Text> {
        match self {
            Self::Missing(_) | Self::Different { .. } => Some(say!(
                ja: "正しい鍵をバックアップから戻してください(ledger.key_file、モード 0600)。別の鍵では封印を続けられません。",
                en: "restore the right key from a backup (ledger.key_file, mode 0600): the chain of seals goes on with no other"
            )),
            Self::Unreadable => Some(say!(
                ja: "データベースをバックアップから戻してください。",
                en: "restore the database from a backup"
            )),
            Self::Secret(SecretError::Malformed { path, .. }) => Some(crate::keys::damaged(path)),
            Self::Secret(error) => Some(error.hint()),
            Self::Store(_) => None,
        }
    }
}

/// Loads the key of the ledger's seals. The first use of a database creates the key if there is none and records its public half.
/// Where that record is gone from a sealed ledger it is made again, if the newest seal is of this key.
///
/// # Errors
/// See [`SealKeyError`].
pub async fn load(config: &Config, store: &Store) -> Result<SealKey, SealKeyError> {
    let recorded = store.meta(PUBLIC).await?;
    let place = config.ledger.place();
    let newest = if recorded.is_some() { None } else { store.newest_seal().await? };
    let sealed = recorded.is_some() || newest.is_some();
    let secret = match config.ledger_secret(!sealed) {
        Err(SecretError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound && sealed => {
            return Err(SealKeyError::Missing(place));
        }
        secret => secret?,
    };
    let key = SealKey::from_octets(secret.expose_secret());
    if let Some(seal) = newest {
        made_by(&key, &seal, &place)?;
        tracing::warn!(
            key = key.public().id(),
            "the database had lost the record of its ledger's key: it is made again"
        );
    }
    let recorded = match recorded {
        Some(recorded) => recorded,
        // Two daemons may use a new database at the same moment: the first one's key is the key.
        None => store.meta_or(PUBLIC, &key.public().to_hex()).await?,
    };
    let recorded = PublicKey::from_hex(&recorded).map_err(|_| SealKeyError::Unreadable)?;
    if recorded != key.public() {
        let (found, recorded) = (key.public().id(), recorded.id());
        return Err(SealKeyError::Different { place, found, recorded });
    }
    Ok(key)
}

/// # Errors
/// `Different` when the seal is signed with another key.
fn made_by(key: &SealKey, seal: &StoredSeal, place: &str) -> Result<(), SealKeyError> {
    if key.public().verifies(&seal.text, &seal.signature) {
        return Ok(());
    }
    let recorded = seal.read().map_err(|_| SealKeyError::Unreadable)?.key;
    Err(SealKeyError::Different { place: place.to_owned(), found: key.public().id(), recorded })
}

/// Looks whether the key can be used, as far as it is there, and makes none.
///
/// # Errors
/// See [`SealKeyError`].
pub async fn look(config: &Config, store: &Store) -> Result<(), SealKeyError> {
    if store.meta(PUBLIC).await?.is_some() { load(config, store).await.map(|_| ()) } else { look_at_file(config) }
}

/// The same without the database: the file's mode and form.
///
/// # Errors
/// See [`SealKeyError`].
pub fn look_at_file(config: &Config) -> Result<(), SealKeyError> {
    match config.ledger_secret(false) {
        Err(SecretError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        secret => Ok(secret.map(|_| ())?),
    }
}

/// The key that seals are checked with: of the key file where it can be read, else the one that the database names; `None` when nothing was ever sealed.
///
/// # Errors
/// `Different` when the two are not the same; `Unreadable`, `Store`.
pub async fn public(config: &Config, store: &Store) -> Result<Option<PublicKey>, SealKeyError> {
    let Some(recorded) = store.meta(PUBLIC).await? else { return Ok(None) };
    let recorded = PublicKey::from_hex(&recorded).map_err(|_| SealKeyError::Unreadable)?;
    let Ok(secret) = config.ledger_secret(false) else { return Ok(Some(recorded)) };
    let found = SealKey::from_octets(secret.expose_secret()).public();
    if found != recorded {
        let (place, found, recorded) = (config.ledger.place(), found.id(), recorded.id());
        return Err(SealKeyError::Different { place, found, recorded });
    }
    Ok(Some(found))
}
