//! `approve`: a person agrees to exactly what the latest preflight saw.

use super::exit::{Answer, Exit, Failure};
use super::release::obstacle;
use super::say::say;
use super::session::{Session, notice};
use crate::release::{self, Ready};
use owabi_core::people::Action;
use serde_json::json;

/// The options of `approve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi approve metaps-2022
  owabi approve metaps-2022 --as '鈴木 花子'      with a password, where users are defined

The approval holds for this text, this roster and this policy: a later change of any takes it away.
Whoever imported the roster cannot approve it where users are defined or two people must approve.")]
pub(super) struct Options {
    /// The notice's id
    id: String,
    /// The approver's name; else the account that runs owabi
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    session.name(options.name.clone());
    let config = session.config()?;
    let notice = notice(&config, &options.id)?;
    let store = session.store(&config).await?;
    let person = session.person(&store, Action::Approve).await?;
    let ready = release::looked_at(&store, &notice).await?.map_err(|found| obstacle(&options.id, &found))?;
    if release::importers(&store, &notice).await?.iter().any(|name| person.is(name)) {
        return Err(importer(&person.name));
    }
    let actor = person.name;
    let Ready { fingerprint, roster_hash, policy_hash, .. } = &ready;
    let before = store.approvals(&options.id, fingerprint, roster_hash, policy_hash).await?;
    let already = before.iter().any(|approval| approval.actor == actor);
    if !already {
        store.approve(&options.id, &actor, fingerprint, roster_hash, policy_hash, session.now()).await?;
    }
    let have = release::approvers(&store, &notice, &ready).await?.len();
    let need = notice.renderer.definition().policy.approvals_required;
    let rows = ready.rows;
    session.tell(&if already {
        say!(
            ja: "{actor} はすでに承認しています(承認 {have} 人 / 必要 {need} 人)。",
            en: "{actor} approved this already ({have} of {need} approvals)"
        )
    } else {
        say!(
            ja: "{actor} が {rows} 件の送信を承認しました(承認 {have} 人 / 必要 {need} 人)。",
            en: "{actor} approved {rows} mails ({have} of {need} approvals)"
        )
    });
    let state = store.notice(&options.id).await?.map(|notice| notice.state);
    session.answer(&json!({ "state": state, "approvals": have, "approvals_required": need, "rows": rows }));
    store.close().await;
    Ok(Exit::Done)
}

/// Two pairs of eyes: who brought the roster does not approve it.
fn importer(name: &str) -> Failure {
    Failure::with(
        Exit::Failed,
        say!(ja: "{name} さんはこの名簿を取り込んだ本人なので、承認できません。", en: "{name} imported this roster and cannot approve it"),
        say!(ja: "別の人に承認を依頼してください。何も変更していません。", en: "ask another person to approve; nothing was changed"),
    )
}
