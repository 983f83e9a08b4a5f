//! `db accept-restored`: an older copy of the queue is in its place. Whoever was sent to since counts as not sent to, so `run` does
//! not begin before a person has looked.

use crate::cli::exit::{Answer, Exit, Failure, after_a_restore};
use crate::cli::ledger::sealed_with;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::config::Config;
use crate::japan;
use crate::ledger::{Noted, Older, newest_head};
use owabi_core::ids::hex;
use owabi_core::people::Action;
use owabi_store::Store;
use serde_json::{Value, json};
use std::path::Path;

/// The options of `db accept-restored`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi db accept-restored          says which seal is missing, and asks
  owabi db accept-restored --yes

`owabi run` does not begin (exit 78) while the newest seal that was noted beside the ledger's key (ledger.key.head; with
ledger.key_credential owabi.head, beside the spool file) is not in the database: an older copy is in its place, and whoever was
sent to after that copy would get the mail twice. The same holds on SQLite for a sealed queue of which nothing is noted there: it
has come to another machine. Until then import, release, resume and resend are refused, too. Do first
what `owabi run` says. This verb only puts the noted seal aside (ledger.key.head.before-restore), notes the newest one that is there, and enters that into
the ledger; it withdraws nobody.")]
pub(super) struct Options {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(session: &Session, config: &Config, options: &Options) -> Answer {
    let store = session.store(config).await?;
    let person = session.person(&store, Action::Database).await?;
    let noted = Noted::of(config);
    let Some(older) = noted.older(&store, &store.queue_id().await?).await? else {
        session.tell(&say!(
            ja: "このデータベースは、最後に封印されたものより古くありません。何も変更していません。",
            en: "this queue is not older than what was sealed last; nothing was changed"
        ));
        session.answer(&json!({ "accepted": false, "missing": null, "aside": null }));
        return Ok(Exit::Done);
    };
    if let Older::Unreadable(_) = older {
        return Err(Failure::with(Exit::BadConfig, what(&noted, &older), next(&older)));
    }
    let newest = store.newest_seal().await?.map_or(0, |seal| seal.number);
    session.confirm(options.yes, &question(&older, newest))?;
    let missing = match &older {
        Older::Than(head) => {
            json!({ "number": head.number, "at": head.at, "entries": head.entries, "hash": hex(&head.hash) })
        }
        Older::Unknown | Older::Unreadable(_) => Value::Null,
    };
    let body = json!({ "missing": missing, "newest": newest });
    store.append_ledger(session.now(), &person.name, "restored", None, &body).await?;
    let aside = match &older {
        Older::Than(head) => Some(noted.put_aside(head)?),
        Older::Unknown | Older::Unreadable(_) => None,
    };
    if newest > 0 {
        let key = sealed_with(config, &store).await?;
        let from_here = newest_head(&store, &key).await?;
        noted.replace(&from_here).map_err(|error| noted.cannot_be_written(&error))?;
    }
    let kept = aside.as_deref().map_or_else(Text::default, kept_in);
    let (ja, en) = (kept.ja, kept.en);
    session.tell(&say!(
        ja: "認めました。{ja}`owabi run` を始められます。`owabi resume` の前に、結果不明の方をどうするかを決めてください(`owabi log --status in_doubt`、`owabi resolve`)。",
        en: "accepted; {en}`owabi run` can begin; before `owabi resume`, decide about those in doubt (`owabi log --status in_doubt`, `owabi resolve`)"
    ));
    session.answer(&json!({ "accepted": true, "missing": missing["number"], "aside": aside }));
    store.close().await;
    Ok(Exit::Done)
}

fn question(older: &Older, newest: i64) -> Text {
    match older {
        Older::Than(head) => {
            let (number, at) = (head.number, japan::short(head.at));
            say!(
                ja: "{at} の封印 {number} まで進んでいた待ち行列を、封印 {newest} までの古いバックアップに戻したことを認め、送信を再開できるようにします。バックアップより後に送った方を除いてありますか? [yes/no]",
                en: "the queue had come to seal {number} of {at}, and is now an older copy with {newest} seals. Accept that, so that it is sent from again? Is everybody withdrawn who was sent to after the copy? [yes/no]"
            )
        }
        Older::Unknown | Older::Unreadable(_) => say!(
            ja: "封印 {newest} までの待ち行列をこのマシンで使うことを認め、送信を再開できるようにします。古いバックアップであれば、それより後に送った方を除いてありますか? [yes/no]",
            en: "the queue has come to this machine with {newest} seals. Accept that, so that it is sent from here? If it is an older copy, is everybody withdrawn who was sent to after it? [yes/no]"
        ),
    }
}

fn kept_in(file: &Path) -> Text {
    let file = file.display();
    say!(ja: "控えてあった封印は {file} に残しました。", en: "the seal that was noted is kept in {file}. ")
}

/// The seals of a queue are noted outside of it, or nobody can tell an older copy.
pub(in crate::cli) fn note_must_be_written() -> Text {
    say!(
        ja: "ledger.key_file を、owabi が書けるフォルダーのファイルにしてください。控えがないと、古いバックアップに戻ったことに気づけません。",
        en: "ledger.key_file must lie in a folder that owabi can write: without the note an older copy of the queue is not noticed"
    )
}

/// Nothing is sent from a queue that is older than its newest noted seal, or may be.
///
/// # Errors
/// 78 for such a queue.
pub(in crate::cli) async fn refuse_restored(config: &Config, store: &Store) -> Result<(), Failure> {
    let noted = Noted::of(config);
    let Some(older) = noted.older(store, &store.queue_id().await?).await? else { return Ok(()) };
    Err(Failure::with(Exit::BadConfig, what(&noted, &older), next(&older)))
}

/// What is to be said of a queue that is, or may be, older than what was sent from it.
///
/// # Errors
/// The database's.
pub(in crate::cli) async fn older(config: &Config, store: &Store) -> Result<Option<Text>, Failure> {
    let noted = Noted::of(config);
    Ok(noted.older(store, &store.queue_id().await?).await?.map(|older| what(&noted, &older)))
}

fn what(noted: &Noted, older: &Older) -> Text {
    let place = noted.place();
    match older {
        Older::Than(head) => {
            let (number, at) = (head.number, japan::short(head.at));
            say!(
                ja: "データベースが、最後に封印されたものより古くなっています。{at} の封印 {number} が {place} に控えてありますが、データベースにありません。同じ方に二度送らないよう、送信を始めません。",
                en: "the database is older than what was sealed last: seal {number} of {at}, noted in {place}, is not in it. Nothing is sent, so that nobody is told twice"
            )
        }
        Older::Unknown => say!(
            ja: "このデータベースには封印がありますが、その控えが {place} にありません。ほかのマシンから移したもの、古いバックアップ、または ledger.key_file の場所だけを変えたものかもしれません。同じ方に二度送らないよう、送信を始めません。",
            en: "this database has seals, and none of them is noted in {place}: it has come from another machine, is an older copy, or ledger.key_file was moved without the note beside it. Nothing is sent, so that nobody is told twice"
        ),
        Older::Unreadable(why) => say!(
            ja: "台帳の封印の控え {place} を読めないため({why})、データベースが古いものに戻っていないかを確かめられません。同じ方に二度送らないよう、送信を始めません。",
            en: "the note of the newest seal, {place}, cannot be read ({why}): nobody can tell whether the database is an older copy. Nothing is sent, so that nobody is told twice"
        ),
    }
}

fn next(older: &Older) -> Text {
    let Text { ja, en } = after_a_restore();
    match older {
        Older::Than(_) => Text { ja, en },
        Older::Unknown => say!(
            ja: "待ち行列を移しただけで、このデータベースの写しを取った後に何も送っていなければ、`owabi db accept-restored` だけで始められます。\n{ja}",
            en: "where the queue was only moved, and nothing was sent since this copy of the database was made, `owabi db accept-restored` is all that is needed\n{en}"
        ),
        Older::Unreadable(_) => say!(
            ja: "ファイルの所有者と権限を、`owabi run` を動かすユーザーが読み書きできるものに直してください。",
            en: "give the file an owner and mode with which the account of `owabi run` can read and write it"
        ),
    }
}
