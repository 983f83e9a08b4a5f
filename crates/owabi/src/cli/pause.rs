//! `pause` and `resume`.

use super::exit::{Answer, Exit, Failure};
use super::say::say;
use super::session::Session;
use owabi_core::people::Action;
use serde_json::json;

/// The options of `pause`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  owabi pause metaps-2022 --reason 'a wrong telephone number'

Every running daemon obeys within two seconds: mails whose body is leaving finish, nothing new leaves, and what waits in
memory goes back to the queue. It stays paused over restarts, until `owabi resume`.")]
pub(super) struct Options {
    /// The notice's id
    id: String,
    /// Why, for the ledger
    #[arg(long, value_parser = super::reason)]
    reason: Option<String>,
}

/// The options of `resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  owabi resume metaps-2022

After a breaker or a canary that failed this is a person's word: what failed before does not count again, and everybody
else is due. What came back later of mails that left before does not count either.")]
pub(super) struct Resume {
    /// The notice's id
    id: String,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    change(session, &options.id, Action::Pause, options.reason.as_deref()).await
}

pub(super) async fn resume(session: &Session, options: &Resume) -> Answer {
    change(session, &options.id, Action::Resume, None).await
}

async fn change(session: &Session, id: &str, action: Action, reason: Option<&str>) -> Answer {
    let (from, to) = if action == Action::Pause { ("released", "paused") } else { ("paused", "released") };
    let config = session.config()?;
    let store = session.store(&config).await?;
    let person = session.person(&store, action).await?;
    if action == Action::Resume {
        refuse_purged(&store, id).await?;
    }
    let changed = store.set_state(id, (&[from], to), reason, &person.name, session.now()).await?;
    let now = store.notice(id).await?.map(|notice| notice.state);
    let state = if changed { from.to_owned() } else { known_state(now, id)? };
    if !changed && state != to {
        let next = say!(ja: "`owabi status {id}` で確かめてください。", en: "look at `owabi status {id}`");
        let what =
            say!(ja: "「{id}」は {state} なので {to} にできません。", en: "{id} is {state} and cannot become {to}");
        return Err(Failure::with(Exit::Failed, what, next));
    }
    session.tell(&say!(ja: "「{id}」: {to}", en: "{id}: {to}"));
    session.answer(&json!({ "state": to, "was": state }));
    store.close().await;
    Ok(Exit::Done)
}

/// Nobody is sent to, and nothing personal is added, once a purge has begun.
pub(super) async fn refuse_purged(store: &owabi_store::Store, id: &str) -> Result<(), Failure> {
    match store.kept(id).await?.1 {
        Some(_) => Err(owabi_store::StoreError::Purged.into()),
        None => Ok(()),
    }
}

/// The state of a notice that the database must know.
pub(super) fn known_state(state: Option<String>, id: &str) -> Result<String, Failure> {
    state.ok_or_else(|| {
        let what = say!(ja: "データベースに「{id}」がありません。", en: "the database knows no notice {id:?}");
        Failure::with(
            Exit::Failed,
            what,
            say!(ja: "`owabi status` で一覧を見られます。", en: "`owabi status` lists them"),
        )
    })
}
