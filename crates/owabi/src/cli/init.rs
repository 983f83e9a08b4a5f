//! `init`: a folder that works at once.

use super::exit::{Answer, Exit, Failure};
use super::say::say;
use super::session::Session;
use crate::config;
use serde_json::json;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The options of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi init ./site && owabi --config ./site/owabi.yaml check
  owabi init /etc/owabi/branch --state /var/lib/owabi-branch     a service: what it writes lies apart

Files that are there already stay as they are; what is missing is added.")]
pub(super) struct Options {
    /// The folder to write into
    dir: PathBuf,
    /// Where queue, keys and spool file are to lie, named in owabi.yaml; else beside it  待ち行列と鍵の場所
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Only the keys, or all but the keys, for a package  一部だけを書く
    #[arg(long, value_name = "WHAT")]
    only: Option<Part>,
}

/// A part of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Configuration, notices, templates and samples
    Files,
    /// The two secret keys
    Keys,
}

macro_rules! shipped {
    ($($to:literal = $from:literal;)*) => { &[$(($to, include_str!(concat!("../../../../", $from)))),*] };
}

/// Everything that `init` writes beside `owabi.yaml` and the keys.
pub(crate) const FILES: &[(&str, &str)] = shipped! {
    "notices/metaps-2022.yaml" = "config/notices/metaps-2022.yaml";
    "notices/generic-breach.yaml" = "config/notices/generic-breach.yaml";
    "notices/generic-breach-ja.yaml" = "config/notices/generic-breach-ja.yaml";
    "templates/metaps-2022/subject.txt.hbs" = "templates/notices/metaps-2022/subject.txt.hbs";
    "templates/metaps-2022/body.txt.hbs" = "templates/notices/metaps-2022/body.txt.hbs";
    "templates/metaps-2022/body.html.hbs" = "templates/notices/metaps-2022/body.html.hbs";
    "templates/metaps-2022/web.html.hbs" = "templates/notices/metaps-2022/web.html.hbs";
    "templates/generic-breach/subject.txt.hbs" = "templates/notices/generic-breach/subject.txt.hbs";
    "templates/generic-breach/body.txt.hbs" = "templates/notices/generic-breach/body.txt.hbs";
    "templates/generic-breach/body.html.hbs" = "templates/notices/generic-breach/body.html.hbs";
    "templates/generic-breach/web.html.hbs" = "templates/notices/generic-breach/web.html.hbs";
    "templates/generic-breach-ja/subject.txt.hbs" = "templates/notices/generic-breach-ja/subject.txt.hbs";
    "templates/generic-breach-ja/body.txt.hbs" = "templates/notices/generic-breach-ja/body.txt.hbs";
    "templates/generic-breach-ja/body.html.hbs" = "templates/notices/generic-breach-ja/body.html.hbs";
    "templates/generic-breach-ja/web.html.hbs" = "templates/notices/generic-breach-ja/web.html.hbs";
    "samples/payments.csv" = "config/samples/payments.csv";
    "samples/members.csv" = "config/samples/members.csv";
};

pub(super) fn run(session: &Session, options: &Options) -> Answer {
    let Options { dir, only, .. } = options;
    refuse_foreign(dir)?;
    let state = options.state.as_deref().map(std::path::absolute).transpose()?;
    let mut written = Vec::new();
    if *only != Some(Part::Keys) {
        written.extend(write_files(dir, state.as_deref())?);
    }
    let keys = state.as_deref().unwrap_or(dir);
    if *only != Some(Part::Files) {
        written.extend(make_keys(keys)?);
    }
    tell(session, dir, keys, written.len());
    session.answer(&json!({ "dir": dir, "state": keys, "written": written }));
    Ok(Exit::Done)
}

/// Everything but the keys; the names of what was written.
fn write_files(dir: &Path, state: Option<&Path>) -> std::io::Result<Vec<&'static str>> {
    let config = state.map_or_else(|| config::COMMENTED.to_owned(), config::commented_for);
    let mut written = Vec::new();
    for (name, text) in [("owabi.yaml", config.as_str())].iter().chain(FILES) {
        if write_new(&dir.join(name), text)? {
            written.push(*name);
        }
    }
    Ok(written)
}

/// The keys that are missing in this folder, which is made for its owner alone.
fn make_keys(folder: &Path) -> Result<Vec<&'static str>, Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut written = Vec::new();
    for name in config::KEY_FILES {
        let key = folder.join(name);
        if !key.exists() {
            config::load_or_create_key(&key, true).map_err(crate::keys::KeyError::from)?;
            written.push(name);
        }
    }
    Ok(written)
}

fn tell(session: &Session, dir: &Path, keys: &Path, n: usize) {
    let (shown, keys) = (dir.display(), keys.display());
    session.tell(&say!(
        ja: "{shown} に {n} 個のファイルを書きました。\n\n次にすること:\n  1. {shown}/owabi.yaml の「yours」の行(中継サーバー、不達通知の宛先)を書き換える\n  2. owabi --config {shown}/owabi.yaml check --connect\n  3. owabi --config {shown}/owabi.yaml import {shown}/samples/payments.csv --notice metaps-2022 --dry-run\n  4. {keys} の owabi.key と ledger.key の控えを安全な場所に置く",
        en: "wrote {n} files into {shown}\n\nNext:\n  1. change the lines marked \"yours\" in {shown}/owabi.yaml (relay, bounce address)\n  2. owabi --config {shown}/owabi.yaml check --connect\n  3. owabi --config {shown}/owabi.yaml import {shown}/samples/payments.csv --notice metaps-2022 --dry-run\n  4. keep copies of owabi.key and ledger.key, in {keys}, in a safe place"
    ));
}

/// A folder with other things in it is probably the wrong one.
fn refuse_foreign(dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir)?;
    let empty = std::fs::read_dir(dir)?.next().is_none();
    if empty || dir.join("owabi.yaml").exists() {
        return Ok(());
    }
    let shown = dir.display();
    Err(Failure::with(
        Exit::Failed,
        say!(ja: "{shown} は空ではなく、owabi.yaml もありません。", en: "{shown} is not empty and has no owabi.yaml"),
        say!(ja: "新しいフォルダーを指定してください。", en: "name a new folder"),
    ))
}

/// Writes a file unless there is one; true when it was written.
pub(crate) fn write_new(file: &Path, text: &str) -> std::io::Result<bool> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(mut out) => out.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
