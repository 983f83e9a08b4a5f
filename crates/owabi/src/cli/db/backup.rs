//! `db backup`: a consistent copy of a SQLite file while it is in use, looked through before it has its name.

use super::unfinished;
use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::config::{Config, Target};
use crate::japan;
use owabi_core::people::Action;
use owabi_store::{Store, StoreError};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde_json::{Value, json};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of the newest backup, in the database's `meta`: there may lie what one left that was interrupted.
pub(in crate::cli) const FOLDER: &str = "backup_folder";

/// The options of `db backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi db backup /var/backups/owabi.db               a new file; nothing is overwritten
  owabi db backup /var/backups/owabi/ --keep 14       a file named by queue and time; the 14 newest of this queue stay

The copy is one state of the queue, also while `owabi run` sends. It is written under another name, read through
(integrity, schema, members, newest seal) and has its name only then; mode 0600, since it holds every member's address. What an
interrupted one left in that folder (.NAME.PID.new) is removed.
The keys are not in it: keep copies of keys.file and ledger.key_file in another place, once.

To restore: stop `owabi run`; move the old file with its -wal and -shm aside; copy the backup there as the user that owabi
runs as; `owabi db check`; start `owabi run`. Whoever was sent to after the backup would get the mail again: `owabi run` refuses
to begin when the copy is older than the newest seal that was noted, and says what to do.
PostgreSQL: pg_dump or pg_basebackup of the server; this verb says the command and ends with 1.")]
pub(super) struct Options {
    /// The new file, or a folder in which it is named by queue and time
    #[arg(value_name = "FILE|DIR")]
    place: PathBuf,
    /// In a folder: keep so many backups of this queue, the new one among them, and remove older ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
}

pub(super) async fn run(session: &Session, config: &Config, options: &Options) -> Answer {
    if let Some(Target::Postgres(url)) = config.database.target() {
        return Err(with_pg_dump(&url));
    }
    let Options { place, keep } = options;
    let is_folder = place.is_dir();
    if keep.is_some() && !is_folder {
        let what =
            say!(ja: "--keep には、すでにあるフォルダーを指定してください。", en: "--keep needs a folder that exists");
        return Err(Failure::new(Exit::Usage, what));
    }
    let store = session.store_to_read(config).await?;
    let queue = store.queue_id().await?;
    let file = if is_folder { place.join(name(&queue, session.now())) } else { place.clone() };
    if file.symlink_metadata().is_ok() {
        return Err(there_already(&file));
    }
    let person = session.person(&store, Action::Database).await?;
    let members = store.counts().await?.values().flat_map(|of| of.values()).sum();
    session.export(&store, "db backup", &json!({}), members).await?;
    let folder = std::fs::canonicalize(folder(&file)).map_err(|error| cannot_write(&file, &error))?;
    store.set_meta(FOLDER, &folder.display().to_string()).await?;
    let unfinished =
        unfinished::remove(&folder, |name| is_of(&queue, name) || file.file_name().is_some_and(|of| of == name))
            .map_err(|error| cannot_write(&folder, &error))?;
    let copied = copy(&store, &file).await?;
    let removed = match keep {
        Some(keep) => remove_older(place, &queue, *keep as usize).map_err(|error| cannot_write(place, &error))?,
        None => Vec::new(),
    };
    let body = json!({ "file": file, "copied": copied.document(), "removed": removed.len() });
    store.append_ledger(session.now(), &person.name, "backup", None, &body).await?;
    store.set_meta("backed_up_at", &session.now().to_string()).await?;
    store.close().await;
    tell(session, config, &file, &copied, (&removed, &unfinished));
    Ok(Exit::Done)
}

/// What is in a copy.
struct Copied {
    bytes: u64,
    members: i64,
    schema: i64,
    /// The number and the time of the newest seal.
    seal: Option<(i64, i64)>,
}

impl Copied {
    fn document(&self) -> Value {
        let seal = self.seal.map(|(number, at)| json!({ "number": number, "at": japan::iso(at) }));
        json!({ "bytes": self.bytes, "members": self.members, "schema": self.schema, "seal": seal })
    }
}

/// Writes the copy beside its place, looks through it, and gives it its name.
async fn copy(store: &Store, file: &Path) -> Result<Copied, Failure> {
    let beside = unfinished::beside(file);
    let copied = async {
        let made = unfinished::make(&beside).map_err(|error| cannot_write(file, &error))?;
        store.backup_to(&beside).await.map_err(|error| not_copied(file, &error))?;
        let copied = look_through(store, &beside).await.map_err(|error| not_copied(file, &error))?;
        name_it(&beside, file)?;
        drop(made);
        Ok(copied)
    };
    let copied: Result<Copied, Failure> = copied.await;
    if copied.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    copied
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

async fn look_through(store: &Store, file: &Path) -> Result<Copied, StoreError> {
    let before = store.newest_seal().await?.map_or(0, |seal| seal.number);
    let copy = Store::open_copy(file).await?;
    copy.check_integrity_fully().await?;
    let (schema, queue, seal) = (copy.schema_version().await?, copy.queue_id().await?, copy.newest_seal().await?);
    let members = copy.counts().await?.values().flat_map(|of| of.values()).sum();
    copy.close().await;
    if schema != Store::newest_schema() || queue != store.queue_id().await? || (before > 0 && seal.is_none()) {
        return Err(StoreError::Damaged("the copy is not of this queue".into()));
    }
    let bytes = std::fs::metadata(file).map_or(0, |of| of.len());
    Ok(Copied { bytes, members, schema, seal: seal.map(|seal| (seal.number, seal.at)) })
}

/// All of it is on the disk before it is called a backup; a file that came there meanwhile stays.
fn name_it(beside: &Path, file: &Path) -> Result<(), Failure> {
    let named = || {
        File::open(beside)?.sync_all()?;
        match renameat_with(CWD, beside, CWD, file, RenameFlags::NOREPLACE) {
            // Not every file system knows how to refuse.
            Err(Errno::INVAL | Errno::NOSYS) if file.symlink_metadata().is_err() => std::fs::rename(beside, file)?,
            renamed => renamed?,
        }
        File::open(folder(file))?.sync_all()
    };
    named().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => there_already(file),
        _ => cannot_write(file, &error),
    })
}

/// `owabi-QUEUE-20220302-090000.db`, in Japan's time.
fn name(queue: &str, now: i64) -> String {
    let time: String = japan::short(now).chars().filter(|c| *c != '-' && *c != ':').collect();
    format!("owabi-{queue}-{}.db", time.replace(' ', "-"))
}

/// Whether [`name`] makes such names for this queue.
fn is_of(queue: &str, name: &str) -> bool {
    let time =
        name.strip_prefix("owabi-").and_then(|rest| rest.strip_prefix(queue)).and_then(|rest| rest.strip_prefix('-'));
    time.and_then(|rest| rest.strip_suffix(".db")).and_then(|time| time.split_once('-')).is_some_and(|(day, time)| {
        let digits = |text: &str, n| text.len() == n && text.bytes().all(|c| c.is_ascii_digit());
        digits(day, 8) && digits(time, 6)
    })
}

fn remove_older(folder: &Path, queue: &str, keep: usize) -> io::Result<Vec<PathBuf>> {
    let mut backups = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && is_of(queue, &entry.file_name().to_string_lossy()) {
            backups.push(entry.path());
        }
    }
    backups.sort_unstable();
    let older = backups.len().saturating_sub(keep);
    backups.truncate(older);
    backups.iter().try_for_each(std::fs::remove_file)?;
    Ok(backups)
}

fn tell(
    session: &Session,
    config: &Config,
    file: &Path,
    copied: &Copied,
    (removed, unfinished): (&[PathBuf], &[PathBuf]),
) {
    let Copied { bytes, members, schema, seal } = copied;
    let (shown, mib) = (file.display(), *bytes as f64 / 1_048_576.0);
    let sealed = match seal {
        Some((number, at)) => {
            let at = japan::short(*at);
            say!(ja: "最新の封印は {number}({at})", en: "newest seal {number} of {at}")
        }
        None => say!(ja: "封印はまだありません", en: "no seal yet"),
    };
    let Text { ja, en } = sealed;
    session.tell(&say!(
        ja: "{shown} にバックアップを取り、壊れていないことを確かめました。\n  {mib:.1} MiB、会員 {members} 名、スキーマ {schema}、{ja}",
        en: "copied to {shown}, and read through: no damage\n  {mib:.1} MiB, {members} members, schema {schema}, {en}"
    ));
    for old in removed {
        let old = old.display();
        session.tell(&say!(ja: "  古いバックアップを消しました: {old}", en: "  removed an older one: {old}"));
    }
    for left in unfinished {
        let left = left.display();
        session.tell(&say!(
            ja: "  途中で止まったバックアップの残りを消しました: {left}",
            en: "  removed what a backup left that was interrupted: {left}"
        ));
    }
    let keys = keys(config);
    let listed = keys.iter().map(|key| key.display().to_string()).collect::<Vec<_>>().join(", ");
    session.tell(&say!(
        ja: "鍵はバックアップに入っていません。次のファイルの写しを、別の安全な場所に保管してください: {listed}",
        en: "the keys are not in it: keep copies of these in another safe place: {listed}"
    ));
    let mut document = copied.document();
    document["file"] = json!(file);
    document["removed"] = json!(removed);
    document["unfinished"] = json!(unfinished);
    document["not_in_it"] = json!(keys);
    session.answer(&document);
}

/// What a restored queue needs, too: without the first bounces find nobody, without the second the chain of seals ends.
fn keys(config: &Config) -> Vec<PathBuf> {
    let seal = config.ledger.key_credential.is_none().then(|| config.ledger.key_file.clone());
    [config.keys.file.clone()].into_iter().chain(seal).collect()
}

fn with_pg_dump(url: &str) -> Failure {
    Failure::with(
        Exit::Failed,
        say!(ja: "`db backup` は SQLite のためのものです。PostgreSQL では pg_dump を使います。", en: "`db backup` is for SQLite; on PostgreSQL pg_dump makes the copy"),
        say!(
            ja: "`umask 077; pg_dump --format=custom --file=owabi.dump '{url}'`(送信中でも一貫したバックアップになります。サーバー全体なら pg_basebackup)。鍵ファイル(keys.file と ledger.key_file)は別に保管してください。",
            en: "`umask 077; pg_dump --format=custom --file=owabi.dump '{url}'` (consistent, also while sending; of the whole server: pg_basebackup). Keep keys.file and ledger.key_file apart from it"
        ),
    )
}

fn there_already(file: &Path) -> Failure {
    let shown = file.display();
    let what = say!(ja: "{shown} はすでにあります。", en: "{shown} exists already");
    Failure::with(Exit::Failed, what, say!(ja: "別の名前を指定してください。", en: "name another file"))
}

fn cannot_write(file: &Path, error: &io::Error) -> Failure {
    let shown = file.display();
    Failure::with(
        Exit::Failed,
        say!(ja: "{shown} に書けません: {error}", en: "{shown} cannot be written: {error}"),
        say!(
            ja: "フォルダーがあるか、owabi のユーザーが書けるか、空きがあるか確かめてください。",
            en: "see that its folder is there, that owabi's user may write there, and that there is room"
        ),
    )
}

fn not_copied(file: &Path, error: &StoreError) -> Failure {
    let (shown, said) = (file.display(), error.said().unwrap_or_default());
    Failure::with(
        Exit::Failed,
        say!(ja: "{shown} にバックアップを取れませんでした({said})。書きかけのものは消しました。", en: "no copy was made at {shown} ({said}); what was written of it is removed"),
        say!(
            ja: "空き容量を確かめてください。元のデータベースは `owabi doctor --deep` で調べられます。",
            en: "see whether there is room; `owabi doctor --deep` looks through the database itself"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_known_by_its_queue_and_time_alone() {
        let name = name("q-1", 1_646_179_200_000);
        assert_eq!(name, "owabi-q-1-20220302-090000.db");
        assert!(is_of("q-1", &name));
        for other in
            ["owabi-q-1-20220302-090000.db-wal", "owabi-q-2-20220302-090000.db", "owabi-q-1-mine.db", "owabi.db"]
        {
            assert!(!is_of("q-1", other), "{other}");
        }
        assert!(!is_of("q", &name));
    }
}
