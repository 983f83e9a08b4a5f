//! The database: whether it is whole, how its file is filled, and how old its newest backup is.

use super::super::check::unseen;
use super::super::db::{backup::FOLDER, older, unfinished::left};
use super::super::exit::Failure;
use super::super::lock::is_held;
use super::super::lost::refuse_lost;
use super::super::own_keys::{self, Trouble};
use super::super::say::{Text, say};
use super::super::session::open_store;
use super::{Findings, mib};
use crate::config::{Config, Target};
use crate::japan;
use crate::keys;
use owabi_core::lifecycle::Status;
use owabi_store::Store;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const AREA: &str = "database";
/// What a member costs who is not finished with: intents, attempts, entries, seals (octets; 1,000,000 members sent to took 0.6 GB in all).
const PER_MEMBER: u64 = 2_048;
/// The write-ahead log and what is rewritten meanwhile (octets).
const BESIDE: u64 = 64 << 20;
/// A write-ahead log of this size is not emptied any more (octets).
const LONG_LOG: u64 = 256 << 20;
const DAY_MS: i64 = 86_400_000;

/// Looks at the database. Returns how much room its queue still needs (octets).
pub(super) async fn look(config: &Config, deep: bool, now: i64, found: &mut Findings) -> u64 {
    if let Some(Target::Sqlite(file)) = config.database.target() {
        if let Err(failure) = refuse_lost(config, true) {
            found.failure(AREA, failure);
            return BESIDE;
        }
        // Opening it would make it.
        if !file.metadata().is_ok_and(|of| of.len() > 0) {
            let file = file.display();
            found.careful(
                AREA,
                say!(ja: "データベース {file} はまだありません。", en: "the database {file} is not there yet"),
                say!(ja: "最初の取り込みか `owabi db migrate` で作られます。", en: "the first import makes it, or `owabi db migrate`"),
            );
            return BESIDE;
        }
    }
    match open_store(config, false).await {
        Err(failure) => {
            found.failure(AREA, failure);
            BESIDE
        }
        Ok(store) => {
            let need = look_inside(config, &store, deep, now, found).await;
            store.close().await;
            need.unwrap_or_else(|failure| {
                found.failure(AREA, failure);
                BESIDE
            })
        }
    }
}

async fn look_inside(
    config: &Config,
    store: &Store,
    deep: bool,
    now: i64,
    found: &mut Findings,
) -> Result<u64, Failure> {
    if deep {
        store.check_integrity_fully().await?;
    } else {
        store.check_integrity().await?;
    }
    let schema = store.schema_version().await?;
    let how = if deep { say!(ja: "全体", en: "all of it") } else { say!(ja: "簡易", en: "quickly") };
    let Text { ja, en } = how;
    found.good(AREA, match store.file() {
        Some(_) => say!(ja: "データベースに壊れたところはありません({ja}、スキーマ {schema})。", en: "no damage in the database (looked through {en}; schema {schema})"),
        None => say!(ja: "PostgreSQL につながります(スキーマ {schema})。", en: "PostgreSQL answers (schema {schema})"),
    });
    if let Some(file) = store.file() {
        look_at_file(store, file, found).await?;
        look_at_backup(store, now, found).await?;
        look_at_unfinished(store, file, found).await?;
    }
    look_at_keys(config, store, found).await?;
    look_at_seals(config, store, found).await?;
    let counts = store.counts().await?;
    let open = counts.values().flat_map(|of| of.iter()).filter(|(status, _)| !status.is_final());
    let members: i64 = open.filter(|(status, _)| **status != Status::Held).map(|(_, n)| n).sum();
    Ok(BESIDE + PER_MEMBER * members.unsigned_abs())
}

async fn look_at_file(store: &Store, file: &Path, found: &mut Findings) -> Result<(), Failure> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let long = std::fs::metadata(&log).map_or(0, |of| of.len());
    let Text { ja, en } = mib(long);
    if long > LONG_LOG {
        found.careful(
            AREA,
            say!(ja: "書き込みログ(-wal)が {ja} あります。", en: "the write-ahead log (-wal) has {en}"),
            say!(ja: "長く読み続けているもの(バックアップ、別のツール)がないか確かめてください。`owabi run` が正常に終わると空になります。", en: "see whether something has been reading for long (a backup, another tool); it is emptied when `owabi run` ends in order"),
        );
    }
    if let Some(pages) = store.pages().await? {
        let (all, free) = (pages.size * pages.all, pages.size * pages.free);
        let (all, free) = (mib(all.unsigned_abs()).en, mib(free.unsigned_abs()).en);
        found.good(AREA, say!(ja: "データベースのファイルは {all}、うち空き {free}、書き込みログ {ja}。", en: "the database's file has {all}, of which {free} are free; write-ahead log {en}"));
    }
    match is_held(file) {
        Some(true) => {
            found.good(AREA, say!(ja: "owabi がこのデータベースを使っています(.lock)。", en: "owabi is at work on this database (.lock)"));
        }
        _ => found.good(AREA, say!(ja: "いま送信している owabi はありません。", en: "no owabi is sending from it now")),
    }
    Ok(())
}

async fn look_at_backup(store: &Store, now: i64, found: &mut Findings) -> Result<(), Failure> {
    let at = store.meta("backed_up_at").await?.and_then(|at| at.parse::<i64>().ok());
    let next = say!(ja: "`owabi db backup フォルダー --keep 14` を毎日実行してください。", en: "run `owabi db backup FOLDER --keep 14` every day");
    match at {
        None => found.careful(
            "backup",
            say!(ja: "バックアップを取った記録がありません。", en: "no backup of this queue is known"),
            next,
        ),
        Some(at) => {
            let when = japan::short(at);
            let message = say!(ja: "最後のバックアップは {when} のものです。", en: "the newest backup is of {when}");
            if now - at > DAY_MS { found.careful("backup", message, next) } else { found.good("backup", message) }
        }
    }
    Ok(())
}

/// A backup that was killed: where the newest one went, and beside the database.
async fn look_at_unfinished(store: &Store, file: &Path, found: &mut Findings) -> Result<(), Failure> {
    let folder = |file: PathBuf| std::fs::canonicalize(file.parent().unwrap_or(Path::new("/"))).unwrap_or_default();
    let beside = std::fs::canonicalize(file).map(folder).unwrap_or_default();
    let folders: BTreeSet<_> = store.meta(FOLDER).await?.map(PathBuf::from).into_iter().chain([beside]).collect();
    for file in folders.iter().flat_map(|folder| left(folder, |_| true).unwrap_or_default()) {
        let shown = file.display();
        found.careful(
            "backup",
            say!(ja: "途中で止まったバックアップの残り {shown} があります。会員の個人情報が入っています。", en: "{shown} is left of a backup that was interrupted, and holds members' data"),
            say!(ja: "同じフォルダーへの次の `owabi db backup` が消します。いま消してもかまいません。", en: "the next `owabi db backup` into that folder removes it; you may remove it now"),
        );
    }
    Ok(())
}

/// Modes and what cannot be read are looked at with the other files.
async fn look_at_keys(config: &Config, store: &Store, found: &mut Findings) -> Result<(), Failure> {
    let looked = own_keys::look(config, store).await;
    if looked.is_empty() && keys::was_used(store).await? {
        found.good("keys", say!(ja: "鍵はこのデータベースのものです。", en: "the keys are those of this database"));
    }
    for trouble in looked {
        match trouble {
            Trouble::File(..) => {}
            Trouble::Key(area, failure) => found.failure(area, failure),
            Trouble::Unseen(name) => found.careful(
                "ledger",
                unseen("ledger.key_credential", &name),
                say!(
                    ja: "サービスは起動時に照合し、違う鍵なら始めません。",
                    en: "the service compares it at its start, and does not begin with another one"
                ),
            ),
        }
    }
    Ok(())
}

async fn look_at_seals(config: &Config, store: &Store, found: &mut Findings) -> Result<(), Failure> {
    if let Some(older) = older(config, store).await? {
        found.bad(
            "ledger",
            older,
            say!(ja: "送信を止めたまま、`owabi ledger verify` と `owabi db accept-restored` の示す手順に従ってください。", en: "send nothing, and do what `owabi ledger verify` and `owabi db accept-restored` say"),
        );
    }
    Ok(())
}
