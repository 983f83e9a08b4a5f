//! `man`: manual pages, one a verb, and one for the configuration.

mod configuration;
mod overview;
mod page;

use super::exit::{Answer, Exit};
use super::say::say;
use super::session::Session;
use clap::Command;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// The options of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi man | man -l -
  owabi man --out pages && man -l pages/owabi.yaml.5")]
pub(super) struct Options {
    /// Write owabi.1, a page for each verb and owabi.yaml.5 into this folder  このフォルダーに書き出す
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(session: &Session, options: &Options) -> Answer {
    let pages = pages();
    let Some(folder) = &options.out else {
        let overview = pages.iter().find(|(name, _)| name == "owabi.1").map_or("", |(_, text)| text);
        std::io::stdout().write_all(overview.as_bytes())?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(folder)?;
    for (name, text) in &pages {
        std::fs::write(folder.join(name), text)?;
    }
    let (shown, n) = (folder.display(), pages.len());
    session.tell(&say!(ja: "{shown} に {n} ページを書きました。", en: "{n} pages written to {shown}"));
    session.answer(&json!({ "dir": folder, "pages": n }));
    Ok(Exit::Done)
}

/// Every page by its file name.
fn pages() -> Vec<(String, String)> {
    let mut command = super::command().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![("owabi.yaml.5".to_owned(), configuration::page())];
    add(&command, &mut pages);
    pages
}

fn add(command: &Command, pages: &mut Vec<(String, String)>) {
    let name = command.get_display_name().unwrap_or(command.get_name());
    pages.push((format!("{name}.1"), page::of(command)));
    command.get_subcommands().for_each(|verb| add(verb, pages));
}
