//! `db`: the database itself.

use super::exit::{Answer, Exit, Failure};
use super::say::say;
use super::session::{Session, open_store};
use crate::config::{Config, Target};
use owabi_store::{OpenOptions, Store, StoreError};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The options of `db`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi db check
  owabi db backup /var/backups/owabi-$(date +%F).db     a consistent copy, also while sending
  owabi db migrate                                      after an update; copies the file first")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Bring an older schema up to date, after a copy  スキーマを更新する
    Migrate,
    /// Write a consistent copy  控えを取る
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// Look for damage  壊れていないか調べる
    Check,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    match &options.verb {
        Verb::Migrate => migrate(session, &config).await,
        Verb::Backup { file } => backup(session, &config, file).await,
        Verb::Check => check(session, &config).await,
    }
}

async fn migrate(session: &Session, config: &Config) -> Answer {
    let options = OpenOptions { migrate: false, ..OpenOptions::new(config.database.url.clone()) };
    let (from, copy) = match Store::open(&options).await {
        Ok(store) => (store.schema_version().await?, None),
        Err(StoreError::SchemaOlder { found, .. }) => (found, copy_files(config, found)?),
        Err(other) => return Err(other.into()),
    };
    let store = open_store(config, true).await?;
    let to = store.schema_version().await?;
    store.close().await;
    session.tell(&say!(ja: "スキーマ: {from} → {to}", en: "schema: {from} → {to}"));
    session.answer(&json!({ "from": from, "to": to, "copy": copy }));
    Ok(Exit::Done)
}

/// A copy of the file and of its write-ahead log, before anything in them changes.
fn copy_files(config: &Config, version: i64) -> Result<Option<PathBuf>, Failure> {
    let Some(Target::Sqlite(file)) = config.database.target() else { return Ok(None) };
    let with = |end: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let copy = with(&format!(".schema-{version}"));
    std::fs::copy(&file, &copy)?;
    if with("-wal").exists() {
        std::fs::copy(with("-wal"), with(&format!(".schema-{version}-wal")))?;
    }
    Ok(Some(copy))
}

async fn backup(session: &Session, config: &Config, file: &Path) -> Answer {
    let shown = file.display();
    if file.exists() {
        let what = say!(ja: "{shown} はすでにあります。", en: "{shown} exists already");
        return Err(Failure::with(
            Exit::Failed,
            what,
            say!(ja: "別の名前を指定してください。", en: "name another file"),
        ));
    }
    let store = session.store(config).await?;
    store.backup_to(file).await?;
    store.close().await;
    session.tell(&say!(ja: "{shown} に控えを取りました。", en: "copied to {shown}"));
    session.answer(&json!({ "file": file }));
    Ok(Exit::Done)
}

async fn check(session: &Session, config: &Config) -> Answer {
    let store = session.store(config).await?;
    store.check_integrity().await?;
    let version = store.schema_version().await?;
    store.close().await;
    session.tell(&say!(ja: "異常はありません(スキーマ {version})。", en: "no damage found (schema {version})"));
    session.answer(&json!({ "ok": true, "schema": version }));
    Ok(Exit::Done)
}
