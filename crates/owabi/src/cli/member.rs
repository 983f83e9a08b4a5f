//! `member`: one person.

mod next;
mod person;
mod show;
pub(super) mod story;

use super::exit::Answer;
use super::session::Session;

/// The options of `member`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi member show 10001
  owabi --json member show 10001 --notice metaps-2022 | jq .receipts")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Everything that is known of one person: status, attempts, receipts  一人の送信と配達・不達の記録を見る
    Show(show::Options),
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    match &options.verb {
        Verb::Show(options) => show::run(session, options).await,
    }
}
