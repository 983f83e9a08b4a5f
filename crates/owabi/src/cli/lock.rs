//! The lock beside a SQLite file: whoever sends from it, migrates it or copies it is alone with it.

use super::exit::{Exit, Failure};
use super::say::say;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// How often a lock is tried that somebody has, and the pause between: whoever only looks (`doctor`) has it for less.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// Takes the lock of a SQLite file, by whatever name it is found. It ends with the process, however that ends.
///
/// # Errors
/// 75 when somebody else has it.
pub(super) fn lock(file: &Path) -> Result<File, Failure> {
    let path = std::fs::canonicalize(file)?.with_added_extension("lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&path)?;
    let shown = path.display();
    let mut taken = lock.try_lock();
    for _ in 1..TRIES {
        if matches!(taken, Err(TryLockError::WouldBlock)) {
            sleep(PAUSE);
            taken = lock.try_lock();
        }
    }
    match taken {
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

/// Whether somebody has the lock of a SQLite file; `None`: that cannot be seen from here.
pub(super) fn is_held(file: &Path) -> Option<bool> {
    let path = std::fs::canonicalize(file).ok()?.with_added_extension("lock");
    // Shared: two who look do not see each other, and a daemon that starts waits for them (`lock`).
    match File::open(path).map(|lock| lock.try_lock_shared()) {
        Ok(Ok(())) => Some(false),
        Ok(Err(TryLockError::WouldBlock)) => Some(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(false),
        Ok(Err(TryLockError::Error(_))) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_seen_whether_somebody_has_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("owabi.db");
        assert_eq!(is_held(&file), None);
        std::fs::write(&file, "").unwrap();
        assert_eq!(is_held(&file), Some(false), "nobody ever had it");
        let held = lock(&file).unwrap();
        assert_eq!(is_held(&file), Some(true));
        drop(held);
        assert_eq!(is_held(&file), Some(false));
    }

    #[test]
    fn whoever_only_looks_at_the_lock_keeps_no_daemon_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("owabi.db");
        std::fs::write(&file, "").unwrap();
        let first = lock(&file).unwrap();
        assert_eq!(lock(&file).unwrap_err().exit, Exit::TryAgain);
        drop(first);
        let looking = File::open(file.with_added_extension("lock")).unwrap();
        looking.lock_shared().unwrap();
        let looks = std::thread::spawn(move || {
            sleep(PAUSE);
            drop(looking);
        });
        lock(&file).unwrap();
        looks.join().unwrap();
    }
}
