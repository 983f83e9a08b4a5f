//! A SQLite file that was used and is not there: most likely its disk is missing. A new, empty one in its place would tell
//! everybody twice, and nobody of whom the lost one knew.

use super::exit::{Exit, Failure};
use super::say::say;
use crate::config::{Config, Target};
use crate::ledger::Noted;
use std::path::{Path, PathBuf};

/// Refuses to make a queue's file anew that was there before, and to make one where nobody could tell.
///
/// # Errors
/// 78 when it is lost.
pub(super) fn refuse_lost(config: &Config, daemon: bool) -> Result<(), Failure> {
    let Some(Target::Sqlite(file)) = config.database.target() else { return Ok(()) };
    // What is empty holds no queue either.
    if std::fs::metadata(&file).is_ok_and(|of| of.len() > 0) {
        return Ok(());
    }
    match trace(config, &file) {
        Some(trace) => Err(lost(&file, &trace)),
        // Beside a credential no head can be noted: a daemon would not know that there was a queue.
        None if daemon && config.ledger.key_credential.is_some() => Err(not_there(&file)),
        None => Ok(()),
    }
}

/// What says that a queue was sent from this file, or sealed with this key.
fn trace(config: &Config, file: &Path) -> Option<PathBuf> {
    let lock = file.with_added_extension("lock");
    if lock.exists() {
        return Some(lock);
    }
    let noted = Noted::of(config)?;
    noted.any().then(|| PathBuf::from(noted.place()))
}

fn lost(file: &Path, trace: &Path) -> Failure {
    let (file, trace) = (file.display(), trace.display());
    Failure::with(
        Exit::BadConfig,
        say!(
            ja: "データベース {file} がありません。{trace} が残っているので、以前は使われていました。空のデータベースは作りません。",
            en: "the database {file} is not there, but was: {trace} is left of it; no empty one is put in its place"
        ),
        say!(
            ja: "ディスクがつながっているか、database.url が正しいか確かめ、なければバックアップから戻してください。新しい待ち行列を本当に作るときだけ `owabi db migrate` を実行します。",
            en: "see whether its disk is there and database.url is right, else restore a backup; only if a new queue is really meant: `owabi db migrate`"
        ),
    )
}

fn not_there(file: &Path) -> Failure {
    let file = file.display();
    Failure::with(
        Exit::BadConfig,
        say!(ja: "データベース {file} がありません。送信する人もいません。", en: "the database {file} is not there, nor anybody to send to"),
        say!(
            ja: "ディスクと database.url を確かめてください。新しい待ち行列なら、名簿を取り込むか `owabi db migrate` を実行すると作られます。",
            en: "check its disk and database.url; a new queue is made by an import, or by `owabi db migrate`"
        ),
    )
}
