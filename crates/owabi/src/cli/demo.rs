//! `demo`: the whole job on made-up data.

use super::exit::Answer;
use super::session::Session;
use crate::demo;
use std::path::PathBuf;

/// The options of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi demo
  owabi demo --members 2000 --keep ./demo       keep everything, to look around

Nothing leaves this machine: all mails go to a relay inside this program, which delivers none.")]
pub(super) struct Options {
    /// How many people the made-up roster has
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    members: u32,
    /// Keep configuration, database and mails in this new folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

pub(super) async fn run(session: &Session, options: Options) -> Answer {
    demo::run(session, options.members, options.keep).await
}
