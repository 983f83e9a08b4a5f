//! `man`: manual pages, one a verb.

use super::exit::{Answer, Exit};
use super::say::say;
use super::session::Session;
use serde_json::json;
use std::path::PathBuf;

/// The options of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi man | man -l -
  owabi man --out /usr/share/man/man1")]
pub(super) struct Options {
    /// Write owabi.1 and a page for each verb into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(session: &Session, options: &Options) -> Answer {
    let command = super::command();
    let Some(folder) = &options.out else {
        clap_mangen::Man::new(command).render(&mut std::io::stdout())?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(command, folder)?;
    let shown = folder.display();
    session.tell(&say!(ja: "{shown} に書きました。", en: "written to {shown}"));
    session.answer(&json!({ "dir": folder }));
    Ok(Exit::Done)
}
