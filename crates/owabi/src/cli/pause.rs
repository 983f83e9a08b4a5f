//! `pause` and `resume`.

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::{Session, unknown_notice};
use owabi_core::lifecycle::Status;
use owabi_core::people::Action;
use owabi_store::Store;
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
    let config =
        session.config().map_err(|failure| if action == Action::Pause { or_stop(failure) } else { failure })?;
    let store = session.store(&config).await?;
    let person = session.person(&store, action).await?;
    if action == Action::Resume {
        super::db::refuse_restored(&config, &store).await?;
        refuse_purged(&store, id).await?;
    }
    let changed = store.set_state(id, (&[from], to), reason, &person.name, session.now()).await?;
    let now = store.notice(id).await?.map(|notice| notice.state);
    let state = if changed { from.to_owned() } else { known_state((session, &store), now, id).await? };
    if !changed && state != to {
        let next = say!(ja: "`owabi status {id}` で確かめてください。", en: "look at `owabi status {id}`");
        return Err(Failure::with(Exit::Failed, cannot(id, &state, action), next));
    }
    let Text { ja, en } = state_label(to);
    session.tell(&match (changed, action) {
        (false, _) => {
            say!(ja: "「{id}」はすでに{ja}です。何も変更していません。", en: "{id} is {en} already; nothing was changed")
        }
        (true, Action::Pause) => say!(ja: "「{id}」を一時停止しました。", en: "{id} is paused"),
        (true, _) => {
            let waiting = store.counts().await?.remove(id).and_then(|mut of| of.remove(&Status::Queued)).unwrap_or(0);
            say!(
                ja: "「{id}」を再開しました。残り {waiting} 通を送ります。",
                en: "{id} goes on: the remaining {waiting} mails are sent"
            )
        }
    });
    session.answer(&json!({ "state": to, "was": state }));
    store.close().await;
    Ok(Exit::Done)
}

/// Why a notice in this state can be neither paused nor resumed.
fn cannot(id: &str, state: &str, action: Action) -> Text {
    match (state, action) {
        ("draft", Action::Pause) => say!(
            ja: "「{id}」はまだ解禁されていないので、一時停止は要りません。",
            en: "{id} is not released yet: it needs no pause"
        ),
        ("draft", _) => say!(
            ja: "「{id}」はまだ解禁されていないので、再開できません。",
            en: "{id} is not released yet, and cannot be resumed"
        ),
        (_, Action::Pause) => say!(
            ja: "「{id}」は取り下げ済みなので、一時停止は要りません。",
            en: "{id} is withdrawn: it needs no pause"
        ),
        _ => say!(ja: "「{id}」は取り下げ済みなので、再開できません。", en: "{id} is withdrawn, and cannot be resumed"),
    }
}

/// A daemon goes on with the configuration that it read: whoever is in a hurry must know how else it is stopped.
fn or_stop(failure: Failure) -> Failure {
    let Text { ja, en } = failure.next.map(|Text { ja, en }| say!(ja: "{ja}\n", en: "{en}\n")).unwrap_or_default();
    let next = say!(
        ja: "{ja}まだ何も止まっていません。動いている `owabi run` は、前に読んだ設定のまま送り続けます。すぐに止めるには、それを終わらせるか(sudo systemctl stop owabi)、誤りのない設定ファイルの写しを `--config` で指定して、もう一度実行してください。",
        en: "{en}nothing is stopped yet: an `owabi run` at work goes on with the configuration that it read. To stop it at once, end it (sudo systemctl stop owabi), or name a copy of the configuration without the mistake with `--config`"
    );
    Failure { next: Some(next), ..failure }
}

/// Nobody is sent to, and nothing personal is added, once a purge has begun.
pub(super) async fn refuse_purged(store: &owabi_store::Store, id: &str) -> Result<(), Failure> {
    match store.kept(id).await?.1 {
        Some(_) => Err(owabi_store::StoreError::Purged.into()),
        None => Ok(()),
    }
}

/// A notice's state as people call it.
pub(super) fn state_label(state: &str) -> Text {
    match state {
        "draft" => say!(ja: "下書き", en: "a draft"),
        "released" => say!(ja: "解禁済み", en: "released"),
        "paused" => say!(ja: "一時停止中", en: "paused"),
        "withdrawn" => say!(ja: "取り下げ済み", en: "withdrawn"),
        other => Text::same(other),
    }
}

/// The state of a notice that the database must know.
///
/// # Errors
/// `Usage`: it does not.
pub(super) async fn known_state(
    (session, store): (&Session, &Store),
    state: Option<String>,
    id: &str,
) -> Result<String, Failure> {
    match state {
        Some(state) => Ok(state),
        None => Err(unknown_notice(session, store, id).await),
    }
}
