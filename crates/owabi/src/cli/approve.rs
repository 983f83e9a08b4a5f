//! `approve`: a person agrees to exactly what the latest preflight saw.

use super::exit::{Answer, Exit, Failure};
use super::release::obstacle;
use super::say::say;
use super::session::{Session, notice};
use crate::release;
use serde_json::json;

/// The options of `approve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  owabi approve metaps-2022

The approval holds for this text and this roster: a later change of either takes it away.")]
pub(super) struct Options {
    /// The notice's id
    id: String,
    /// The approver's name; else the account that runs owabi
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let notice = notice(&config, &options.id)?;
    let store = session.store(&config).await?;
    let ready = release::looked_at(&store, &notice).await?.map_err(|found| obstacle(&options.id, &found))?;
    let actor = session.actor(options.name.as_deref());
    if actor.is_empty() {
        let next = say!(ja: "--as に承認者の氏名を書いてください。", en: "name the approver with --as");
        return Err(Failure::with(
            Exit::Usage,
            say!(ja: "承認者の名前が空です。", en: "the approver's name is empty"),
            next,
        ));
    }
    store.approve(&options.id, &actor, &ready.fingerprint, &ready.roster_hash, session.now()).await?;
    let approvals = store.approvals(&options.id, &ready.fingerprint, &ready.roster_hash).await?;
    let (have, need) = (approvals.len(), notice.renderer.definition().policy.approvals_required);
    let rows = ready.rows;
    session.tell(&say!(
        ja: "{actor} が {rows} 件の送信を承認しました(承認 {have} 人 / 必要 {need} 人)。",
        en: "{actor} approved {rows} mails ({have} of {need} approvals)"
    ));
    let state = store.notice(&options.id).await?.map(|notice| notice.state);
    session.answer(&json!({ "state": state, "approvals": have, "approvals_required": need, "rows": rows }));
    store.close().await;
    Ok(Exit::Done)
}
