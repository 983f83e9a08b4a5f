//! `hold`: while there is a legal hold, nothing of a notice is purged.

use super::exit::{Answer, Exit, Failure};
use super::pause::known_state;
use super::say::say;
use super::session::Session;
use owabi_core::people::Action;
use serde_json::json;

/// The options of `hold`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi hold set metaps-2022 --reason 'claim 2022-17 is pending'
  owabi hold lift metaps-2022 --reason 'claim 2022-17 was settled'

`owabi status` shows it. Both are kept in the ledger: name no member in the reason.
理由は台帳に残り、後から消せません。会員の氏名や宛先は書かないでください。")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Keep everything of this notice  削除を禁じる
    Set(One),
    /// Let it be purged again  禁止を解く
    Lift(One),
}

#[derive(Debug, clap::Args)]
struct One {
    /// The notice's id
    id: String,
    /// Why, for the ledger
    #[arg(long, value_parser = super::reason)]
    reason: String,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    match &options.verb {
        Verb::Set(one) => change(session, one, Some(&one.reason)).await,
        Verb::Lift(one) => change(session, one, None).await,
    }
}

async fn change(session: &Session, one: &One, hold: Option<&str>) -> Answer {
    let config = session.config()?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Hold).await?.name;
    let id = &one.id;
    known_state((session, &store), store.notice(id).await?.map(|notice| notice.state), id).await?;
    let changed = store.set_hold(id, hold, &one.reason, &actor, session.now()).await?;
    store.close().await;
    match (changed, hold.is_some()) {
        (false, true) => Err(Failure::with(
            Exit::Failed,
            say!(ja: "「{id}」の削除はすでに禁じられています。", en: "{id} is under a legal hold already"),
            say!(ja: "理由を改めるには、いったん `owabi hold lift` で解いてください。", en: "to give another reason, lift it first: `owabi hold lift`"),
        )),
        (false, false) => Err(Failure::with(
            Exit::Failed,
            say!(ja: "「{id}」の削除は禁じられていません。", en: "{id} is under no legal hold"),
            say!(ja: "`owabi status {id}` で確かめられます。", en: "`owabi status {id}` shows it"),
        )),
        (true, set) => {
            let text = if set {
                say!(ja: "「{id}」の記録は、解くまで削除されません。", en: "nothing of {id} is purged until the hold is lifted")
            } else {
                say!(ja: "「{id}」の削除の禁止を解きました。", en: "{id} may be purged again")
            };
            session.tell(&text);
            session.answer(&json!({ "notice": id, "legal_hold": hold }));
            Ok(Exit::Done)
        }
    }
}
