//! The lock beside a SQLite file: whoever sends from it, migrates it or copies it is alone with it.

use super::exit::{Exit, Failure};
use super::say::say;
use std::fs::{File, TryLockError};
use std::path::Path;

/// Takes the lock of a SQLite file, by whatever name it is found. It ends with the process, however that ends.
///
/// # Errors
/// 75 when somebody else has it.
pub(super) fn lock(file: &Path) -> Result<File, Failure> {
    let path = std::fs::canonicalize(file)?.with_added_extension("lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&path)?;
    let shown = path.display();
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Failure::with(
            Exit::TryAgain,
            say!(ja: "ほかの owabi がこのデータベースで送信中です({shown})。", en: "another owabi is sending from this database ({shown})"),
            say!(ja: "それが終わるのを待つか、止めてから実行してください。", en: "wait for it to finish, or stop it first"),
        )),
        Err(TryLockError::Error(error)) => Err(Failure::new(
            Exit::Failed,
            say!(ja: "{shown} をロックできません: {error}", en: "{shown} cannot be locked: {error}"),
        )),
    }
}
