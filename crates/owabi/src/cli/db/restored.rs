//! `db accept-restored`: an older copy of the queue is in its place. Whoever was sent to since counts as not sent to, so `run` does
//! not begin before a person has looked.

use crate::cli::exit::{Answer, Exit, Failure, after_a_restore};
use crate::cli::say::say;
use crate::cli::session::Session;
use crate::config::Config;
use crate::japan;
use crate::ledger::Noted;
use owabi_core::ids::hex;
use owabi_core::ledger::Head;
use owabi_core::people::Action;
use owabi_store::Store;
use serde_json::json;

/// The options of `db accept-restored`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi db accept-restored          says which seal is missing, and asks
  owabi db accept-restored --yes

`owabi run` does not begin (exit 78) while the newest seal that was noted beside the ledger's key (ledger.key.head; with
ledger.key_credential owabi.head, beside the spool file) is not in the database: an older copy is in its place, and whoever was
sent to after that copy would get the mail twice. Until then import, release, resume and resend are refused, too. Do first
what `owabi run` says. This verb only puts the noted seal aside (ledger.key.head.before-restore) and enters it into the ledger; it withdraws nobody.")]
pub(super) struct Options {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(session: &Session, config: &Config, options: &Options) -> Answer {
    let store = session.store(config).await?;
    let person = session.person(&store, Action::Database).await?;
    let Some((noted, head)) = missing(config, &store).await? else {
        session.tell(&say!(
            ja: "このデータベースは、最後に封印されたものより古くありません。何も変更していません。",
            en: "this queue is not older than what was sealed last; nothing was changed"
        ));
        session.answer(&json!({ "accepted": false, "missing": null, "aside": null }));
        return Ok(Exit::Done);
    };
    let newest = store.newest_seal().await?.map_or(0, |seal| seal.number);
    let (number, at) = (head.number, japan::short(head.at));
    let question = say!(
        ja: "{at} の封印 {number} まで進んでいた待ち行列を、封印 {newest} までの古いバックアップに戻したことを認め、送信を再開できるようにします。バックアップより後に送った方を除いてありますか? [yes/no]",
        en: "the queue had come to seal {number} of {at}, and is now an older copy with {newest} seals. Accept that, so that it is sent from again? Is everybody withdrawn who was sent to after the copy? [yes/no]"
    );
    session.confirm(options.yes, &question)?;
    let body = json!({
        "missing": { "number": number, "at": head.at, "entries": head.entries, "hash": hex(&head.hash) }, "newest": newest,
    });
    store.append_ledger(session.now(), &person.name, "restored", None, &body).await?;
    let aside = noted.put_aside(&head)?;
    let shown = aside.display();
    session.tell(&say!(
        ja: "認めました。控えてあった封印は {shown} に残しました。`owabi run` を始められます。`owabi resume` の前に、結果不明の方をどうするかを決めてください(`owabi log --status in_doubt`、`owabi resolve`)。",
        en: "accepted; the seal that was noted is kept in {shown}. `owabi run` can begin; before `owabi resume`, decide about those in doubt (`owabi log --status in_doubt`, `owabi resolve`)"
    ));
    session.answer(&json!({ "accepted": true, "missing": number, "aside": aside }));
    store.close().await;
    Ok(Exit::Done)
}

/// Nothing is sent from a queue that is older than its newest noted seal.
///
/// # Errors
/// 78 for such a queue.
pub(in crate::cli) async fn refuse_restored(config: &Config, store: &Store) -> Result<(), Failure> {
    let Some((noted, head)) = missing(config, store).await? else { return Ok(()) };
    let (number, at, place) = (head.number, japan::short(head.at), noted.place());
    let steps = after_a_restore();
    Err(Failure::with(
        Exit::BadConfig,
        say!(
            ja: "データベースが、最後に封印されたものより古くなっています。{at} の封印 {number} が {place} に控えてありますが、データベースにありません。同じ方に二度送らないよう、送信を始めません。",
            en: "the database is older than what was sealed last: seal {number} of {at}, noted in {place}, is not in it. Nothing is sent, so that nobody is told twice"
        ),
        steps,
    ))
}

async fn missing(config: &Config, store: &Store) -> Result<Option<(Noted, Head)>, Failure> {
    let noted = Noted::of(config);
    let head = noted.missing_from(store, &store.queue_id().await?).await?;
    Ok(head.map(|head| (noted, head)))
}
