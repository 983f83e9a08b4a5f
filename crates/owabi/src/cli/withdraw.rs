//! `withdraw`: whoever is not sent to yet is taken out of the notice.

use super::exit::{Answer, Exit};
use super::pause::known_state;
use super::say::say;
use super::session::Session;
use owabi_core::lifecycle::Status;
use owabi_core::people::Action;
use serde_json::json;

/// The options of `withdraw`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi withdraw --notice metaps-2022 --reason 'wrong roster' --dry-run
  owabi withdraw --notice metaps-2022 --reason 'wrong roster' --yes

Mails that have left cannot be called back.")]
pub(super) struct Options {
    /// The notice's id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// Why, for the ledger
    #[arg(long, value_parser = super::reason)]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Count, change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let id = &options.notice;
    let config = session.config()?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Withdraw).await?.name;
    let state = known_state(store.notice(id).await?.map(|notice| notice.state), id)?;
    let counts = store.counts().await?;
    let count = |status| counts.get(id).and_then(|of| of.get(&status)).copied().unwrap_or(0);
    let open = count(Status::Held) + count(Status::Queued);
    let (sending, in_doubt) = (count(Status::Sending), count(Status::InDoubt));
    session.tell(&say!(
        ja: "「{id}」({state}): 取り下げる人 {open}、送信中 {sending}、結果不明 {in_doubt}",
        en: "{id} ({state}): {open} to be taken out, {sending} being sent, {in_doubt} in doubt"
    ));
    if options.dry_run {
        session.answer(&json!({ "state": state, "withdrawn": 0, "would_withdraw": open, "dry_run": true }));
        return Ok(Exit::Done);
    }
    session.confirm(
        options.yes,
        &say!(
            ja: "{open} 人と、送信中の {sending} 人のうちまだ送られていない人を取り下げますか? [yes/no]",
            en: "take out {open} members, and those of the {sending} being sent whose mails have not left? [yes/no]"
        ),
    )?;
    let now = session.now();
    store.set_state(id, (&["draft", "released", "paused"], "withdrawn"), Some(&options.reason), &actor, now).await?;
    let withdrawn = store.withdraw_open(id, &options.reason, &actor, now).await?;
    session.tell(&say!(ja: "{withdrawn} 人を取り下げました。", en: "{withdrawn} members taken out"));
    let left = store.counts().await?.remove(id).unwrap_or_default();
    let left = |status| left.get(&status).copied().unwrap_or(0);
    tell_the_rest(session, left(Status::Sending), left(Status::InDoubt));
    session.answer(&json!({
        "state": "withdrawn",
        "withdrawn": withdrawn,
        "sending": left(Status::Sending),
        "in_doubt": left(Status::InDoubt),
        "dry_run": false,
    }));
    store.close().await;
    Ok(Exit::Done)
}

/// Whom the withdrawal could not reach.
fn tell_the_rest(session: &Session, sending: i64, in_doubt: i64) {
    if sending > 0 {
        session.tell(&say!(
            ja: "送信中の {sending} 件は、すでに送られたものを除き、`owabi run` が取り下げます。新しく送られるメールはありません。",
            en: "{sending} are being sent: `owabi run` takes out those whose mails have not left; no further mail leaves"
        ));
    }
    if in_doubt > 0 {
        session.tell(&say!(
            ja: "結果不明の {in_doubt} 件は、届いているかもしれません。もう一度送ることはありません。",
            en: "{in_doubt} are in doubt: they may have arrived, and are not sent again"
        ));
    }
}
