//! `evidence`: what compliance takes away, and how it is checked.

mod asked;
mod export;
mod member;
mod proof;
pub(crate) mod sealed;
mod verify;

use super::exit::Answer;
use super::session::Session;

/// The options of `evidence`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi evidence export --notice metaps-2022 --out evidence.zip
  owabi evidence verify evidence.zip --head 'owabi-head queue=…'
  owabi evidence member 10001 --out proof
  owabi evidence asked --notice metaps-2022 --email taro@example.jp")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write all evidence of a notice into one zip  証拠一式を書き出す
    Export(export::Options),
    /// Check a bundle, without database, configuration or keys  証拠一式を検証する
    Verify(verify::Options),
    /// Rebuild one person's mails, and prove that they were sealed  一人のメールを組み立て直して証明する
    Member(member::Options),
    /// Was the person with this address told? Also after a purge  この宛先の人に通知したかを調べる
    Asked(asked::Options),
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    match &options.verb {
        Verb::Export(options) => Box::pin(export::run(session, options)).await,
        Verb::Verify(options) => verify::run(session, options),
        Verb::Member(options) => Box::pin(member::run(session, options)).await,
        Verb::Asked(options) => asked::run(session, options).await,
    }
}
