//! The installation's secret, bound to its database: another key would make every bounce unreadable.

use crate::cli::say::{Text, say};
use crate::config::{Config, SecretError, load_or_create_key};
use owabi_core::ids::{Keys, WeakSecret};
use owabi_store::{Store, StoreError};
use secrecy::ExposeSecret;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where the database keeps the name of its key.
const FINGERPRINT: &str = "key_fingerprint";

/// Why the key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read, is readable by others, or is no key.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The secret is too short.
    #[error(transparent)]
    Weak(#[from] WeakSecret),
    /// The database was used with a key, and its file is gone.
    #[error("the key file {} is missing, and the database was used with it", .0.display())]
    Missing(PathBuf),
    /// The database was used with another key.
    #[error("{} is not the key of this database: it is {found}, the database was used with {recorded}", .file.display())]
    Different {
        /// The key file.
        file: PathBuf,
        /// The fingerprint of the key in the file.
        found: String,
        /// The fingerprint of the database's key.
        recorded: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KeyError {
    /// What is wrong, for people.
    pub(crate) fn what(&self) -> Text {
        match self {
            Self::Missing(file) => {
                let file = file.display();
                say!(ja: "鍵ファイル {file} がありません。このデータベースはその鍵で使われています。", en: "{self}")
            }
            Self::Different { file, found, recorded } => {
                let file = file.display();
                say!(ja: "{file} はこのデータベースの鍵ではありません(鍵 {found}、記録 {recorded})。", en: "{self}")
            }
            Self::Secret(error) => {
                let Text { ja, en } = error.what();
                say!(ja: "鍵を使えません: {ja}", en: "the key cannot be used: {en}")
            }
            other => say!(ja: "鍵を使えません: {other}", en: "the key cannot be used: {other}"),
        }
    }

    /// What to do about it.
    pub(crate) fn next(&self) -> Option<Text> {
        match self {
            Self::Missing(_) | Self::Different { .. } => Some(say!(
                ja: "正しい鍵をバックアップから戻してください(keys.file、モード 0600)。鍵が変わると不達通知を照合できません。",
                en: "restore the right key from a backup (keys.file, mode 0600); with another key no bounce can be matched"
            )),
            Self::Secret(SecretError::Malformed { path, .. }) => Some(damaged(path)),
            Self::Secret(error) => Some(error.hint()),
            _ => None,
        }
    }
}

/// Of a file of a key that holds no key any more: a new one would be another.
pub(crate) fn damaged(path: &Path) -> Text {
    let path = path.display();
    say!(
        ja: "鍵のファイルが壊れています。新しい鍵は作らず、別の場所に保管してある {path} の控えを戻してください(モード 0600)。",
        en: "the key's file is damaged: make no new key, but put back the copy of {path} that is kept elsewhere (mode 0600)"
    )
}

/// Whether `store` was ever used with a key; nothing is sent without one.
///
/// # Errors
/// `Unavailable`.
pub async fn was_used(store: &Store) -> Result<bool, StoreError> {
    Ok(store.meta(FINGERPRINT).await?.is_some())
}

/// Looks whether the key can be used, as far as it is there, and makes none.
///
/// # Errors
/// See [`KeyError`].
pub async fn look(config: &Config, store: &Store) -> Result<(), KeyError> {
    if was_used(store).await? {
        return load(config, store).await.map(|_| ());
    }
    match load_or_create_key(&config.keys.file, false) {
        Err(SecretError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        secret => Ok(Keys::new(secret?.expose_secret()).map(|_| ())?),
    }
}

/// Loads the key of `store`. The first use of a database creates the key if there is none and records its fingerprint.
///
/// # Errors
/// See [`KeyError`].
pub async fn load(config: &Config, store: &Store) -> Result<Keys, KeyError> {
    let recorded = store.meta(FINGERPRINT).await?;
    let file = &config.keys.file;
    let secret = match load_or_create_key(file, recorded.is_none()) {
        Err(SecretError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound && recorded.is_some() => {
            return Err(KeyError::Missing(file.clone()));
        }
        secret => secret?,
    };
    let keys = Keys::new(secret.expose_secret())?;
    let recorded = match recorded {
        Some(recorded) => recorded,
        // Two daemons may use a new database at the same moment: the first one's key is the key.
        None => store.meta_or(FINGERPRINT, keys.fingerprint()).await?,
    };
    if recorded != keys.fingerprint() {
        let found = keys.fingerprint().to_owned();
        return Err(KeyError::Different { file: file.clone(), found, recorded });
    }
    Ok(keys)
}
