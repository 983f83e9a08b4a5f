//! `db`: the database itself.

pub(super) mod backup;
mod copy;
mod look;
mod restored;
pub(super) mod unfinished;

use super::exit::{Answer, Exit, Failure};
use super::lock::lock;
use super::say::{Text, say};
use super::session::Session;
use super::trouble;
use crate::config::{Config, Target};
use owabi_store::{Server, Store, StoreError};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The options of `db`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi db check
  owabi db backup /var/backups/owabi --keep 14          a consistent copy, also while sending
  owabi db migrate                                      after an update; copies the file first
  owabi db migrate --dry-run                            exit 1 when it would change something
  owabi db copy --from sqlite:owabi.db --to postgres://owabi@db.example.jp/owabi

To restore: stop `owabi run`, put the copy in the place of the file, `owabi db check`, and start it again. If it says that the
queue is older than what was sealed: `owabi db accept-restored --help`.
With PostgreSQL `db migrate` creates or upgrades owabi's tables, and pg_dump makes the copies.")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create the schema or bring an older one up to date, a SQLite file after a copy  スキーマを更新する
    Migrate {
        /// Only say from which version to which, and change nothing; exit 1 when they differ  確かめるだけ
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a consistent copy of a SQLite file  バックアップを取る
    Backup(backup::Options),
    /// Say that an older copy was put back on purpose, so that sending goes on  バックアップから戻したことを認める
    AcceptRestored(restored::Options),
    /// Look for damage  壊れていないか調べる
    Check,
    /// Move the whole queue into another database  別のデータベースへ移す
    Copy(copy::Options),
}

pub(super) use restored::{note_must_be_written, older, refuse_restored};

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    match &options.verb {
        Verb::Migrate { dry_run: true } => look::run(session, &config).await,
        Verb::Migrate { dry_run: false } => migrate(session, &config).await,
        Verb::Backup(options) => backup::run(session, &config, options).await,
        Verb::AcceptRestored(options) => restored::run(session, &config, options).await,
        Verb::Check => check(session, &config).await,
        Verb::Copy(options) => copy::run(session, &config, options).await,
    }
}

async fn migrate(session: &Session, config: &Config) -> Answer {
    let Migrated { from, to, copy } = bring_up(session, config).await?;
    session.tell(&say!(ja: "スキーマ: {from} → {to}", en: "schema: {from} → {to}"));
    session.answer(&json!({ "from": from, "to": to, "copy": copy }));
    Ok(Exit::Done)
}

/// What a migration did.
struct Migrated {
    from: i64,
    to: i64,
    /// The copy of a SQLite file as it was.
    copy: Option<PathBuf>,
}

/// Brings the schema up to date. A SQLite file is copied first, and nobody may be sending from it.
async fn bring_up(session: &Session, config: &Config) -> Result<Migrated, Failure> {
    let options = config.open_options()?;
    let file = match config.database.target() {
        Some(Target::Sqlite(file)) if file.exists() => Some(file),
        _ => None,
    };
    let _lock = file.as_deref().map(lock).transpose()?;
    let copy = match &file {
        Some(file) => match Store::open(&options).await {
            Err(StoreError::SchemaOlder { found, .. }) => Some(copy_files(file, found)?),
            opened => {
                opened?.close().await;
                None
            }
        },
        None => None,
    };
    let (from, to) = Store::migrate(&options).await?;
    if from > 0 && from != to {
        let store = Store::open(&options).await?;
        let body = json!({ "from": from, "to": to });
        store.append_ledger(session.now(), &session.actor(None), "migrate", None, &body).await?;
        store.close().await;
    }
    Ok(Migrated { from, to, copy })
}

/// Brings the schema up to date before a run.
pub(super) async fn migrate_first(session: &Session, config: &Config) -> Result<(), Failure> {
    let Migrated { from, to, .. } = bring_up(session, config).await?;
    if from != to {
        session.tell(&say!(ja: "スキーマ: {from} → {to}", en: "schema: {from} → {to}"));
    }
    Ok(())
}

/// A copy of the file and of its write-ahead log, before anything in them changes.
fn copy_files(file: &Path, version: i64) -> Result<PathBuf, Failure> {
    let with = |end: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let copy = with(&format!(".schema-{version}"));
    std::fs::copy(file, &copy)?;
    if with("-wal").exists() {
        std::fs::copy(with("-wal"), with(&format!(".schema-{version}-wal")))?;
    }
    Ok(copy)
}

async fn check(session: &Session, config: &Config) -> Answer {
    let store = session.store_to_read(config).await?;
    store.check_integrity().await?;
    let version = store.schema_version().await?;
    let server = store.server().await?;
    store.close().await;
    let warnings: Vec<Text> =
        server.iter().flat_map(|server| &server.durability).map(|what| trouble::durability(*what)).collect();
    for warning in &warnings {
        session.tell(&warning.led_by("△", "!"));
    }
    session.tell(&match &server {
        None => say!(ja: "異常はありません(スキーマ {version})。", en: "no damage found (schema {version})"),
        Some(Server { version: postgres, .. }) => {
            say!(ja: "PostgreSQL {postgres}、スキーマ {version}。", en: "PostgreSQL {postgres}, schema {version}")
        }
    });
    let warnings: Vec<&str> = warnings.iter().map(|warning| warning.of(session.lang())).collect();
    session.answer(
        &json!({ "ok": true, "schema": version, "server": server.map(|server| server.version), "warnings": warnings }),
    );
    Ok(Exit::Done)
}
