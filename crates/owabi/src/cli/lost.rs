//! A SQLite file that was used and is not there: most likely its disk is missing. A new, empty one in its place would tell
//! everybody twice, and nobody of whom the lost one knew.

use super::exit::{Exit, Failure};
use super::say::say;
use crate::config::{Config, Target};
use crate::ledger::Noted;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Refuses to make a queue's file anew that was there before; and, unless the verb is one that `begins` a queue, to make one where
/// nobody could tell.
///
/// # Errors
/// 78 when it is lost, or cannot be looked at.
pub(super) fn refuse_lost(config: &Config, begins: bool) -> Result<(), Failure> {
    let Some(Target::Sqlite(file)) = config.database.target() else { return Ok(()) };
    match std::fs::metadata(&file) {
        // What is empty holds no queue either.
        Ok(of) if of.len() > 0 => return Ok(()),
        Err(error) if ![ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Err(unseen(&file, &error));
        }
        _ => {}
    }
    match trace(config, &file) {
        Some(trace) => Err(lost(&file, &trace)),
        // Where the key is a credential earlier versions noted no head: nobody may know that there was a queue.
        None if !begins && config.ledger.key_credential.is_some() => Err(not_there(&file)),
        None => Ok(()),
    }
}

/// What says that a queue was sent from this file, or sealed with this key.
fn trace(config: &Config, file: &Path) -> Option<PathBuf> {
    let locks = [file.to_owned(), behind_links(file)].map(|file| file.with_added_extension("lock"));
    if let Some(lock) = locks.into_iter().find(|lock| lock.exists()) {
        return Some(lock);
    }
    let noted = Noted::of(config);
    noted.any().then(|| PathBuf::from(noted.place()))
}

/// Where the file is, or was: a link leads there even when it is gone. More links in a row than the kernel follows
/// (`path_resolution(7)`) lead nowhere.
fn behind_links(file: &Path) -> PathBuf {
    let mut place = file.to_owned();
    for _ in 0..40 {
        let Ok(to) = std::fs::read_link(&place) else { break };
        place = place.parent().unwrap_or(Path::new("")).join(to);
    }
    place
}

fn unseen(file: &Path, error: &std::io::Error) -> Failure {
    let file = file.display();
    Failure::with(
        Exit::BadConfig,
        say!(ja: "データベース {file} を見られません: {error}", en: "the database {file} cannot be looked at: {error}"),
        say!(
            ja: "owabi を動かしているユーザーで実行してください(例: `sudo -u owabi owabi …`)。そのユーザーでも見られないときは、フォルダーの権限を確かめてください。",
            en: "run this as the user that owabi runs as (`sudo -u owabi owabi …`); if that is who you are, check the permissions of its folder"
        ),
    )
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
