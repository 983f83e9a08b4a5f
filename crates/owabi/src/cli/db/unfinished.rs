//! Backups under another name, until they are whole. One that was killed leaves members' data under a name that nobody looks for.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a backup is written before it has its name.
pub(super) fn beside(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.{}.new", std::process::id()))
}

/// The name that it was to have.
fn meant(name: &str) -> Option<&str> {
    let (meant, pid) = name.strip_prefix('.')?.strip_suffix(".new")?.rsplit_once('.')?;
    (!pid.is_empty() && pid.bytes().all(|c| c.is_ascii_digit())).then_some(meant)
}

/// Makes the empty file, locked for as long as it is open: whoever finds one without lock knows that its writer is gone.
///
/// # Errors
/// When it is there already, or cannot be made.
pub(super) fn make(beside: &Path) -> io::Result<File> {
    loop {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
        made.lock()?;
        // Before the lock was there somebody may have taken it for a leftover.
        if made.metadata()?.nlink() > 0 {
            return Ok(made);
        }
    }
}

/// What killed backups left in this folder, of those whose name is `wanted`.
///
/// # Errors
/// When the folder cannot be read.
pub(in crate::cli) fn left(folder: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut left = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let is_wanted = meant(&name.to_string_lossy()).is_some_and(&wanted);
        if is_wanted && entry.symlink_metadata().is_ok_and(|of| of.is_file()) && is_free(&entry) {
            left.push(entry);
        }
    }
    left.sort_unstable();
    Ok(left)
}

/// Nobody writes it. One that cannot be opened is somebody else's.
fn is_free(file: &Path) -> bool {
    File::open(file).is_ok_and(|file| !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Removes them, and returns which.
///
/// # Errors
/// When one cannot be removed.
pub(super) fn remove(folder: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let left = left(folder, wanted)?;
    left.iter().try_for_each(std::fs::remove_file)?;
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_backup_left_is_told_from_what_is_being_written_and_from_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [".a.db.12.new", ".b.db.12.new", ".a.db.x.new", ".a.db.new", "a.db.12.new", "a.db"] {
            std::fs::write(at(name), "x").unwrap();
        }
        let writing = beside(&at("a.db"));
        let made = make(&writing).unwrap();
        assert_eq!(made.metadata().unwrap().mode() & 0o777, 0o600);
        make(&writing).unwrap_err();
        assert_eq!(left(folder.path(), |name| name == "a.db").unwrap(), [at(".a.db.12.new")]);
        assert_eq!(remove(folder.path(), |name| name == "a.db").unwrap(), [at(".a.db.12.new")]);
        assert_eq!(left(folder.path(), |_| true).unwrap(), [at(".b.db.12.new")]);
        drop(made);
        assert_eq!(left(folder.path(), |name| name == "a.db").unwrap(), [writing]);
    }
}
