//! `member`: one person.

mod correct;
mod next;
mod one;
mod person;
mod show;
pub(super) mod story;

pub(super) use one::one;

use super::exit::Answer;
use super::session::Session;

/// The options of `member`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi member show 10001
  owabi --json member show 10001 --notice metaps-2022 | jq .receipts
  owabi member correct 10001 --email taro@example.jp --reason '本人からの電話'")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Everything that is known of one person: status, attempts, receipts  一人の送信と配達・不達の記録を見る
    Show(show::Options),
    /// Correct a member's address  アドレスを訂正する
    Correct(correct::Options),
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    match &options.verb {
        Verb::Show(options) => show::run(session, options).await,
        Verb::Correct(options) => correct::run(session, options).await,
    }
}
