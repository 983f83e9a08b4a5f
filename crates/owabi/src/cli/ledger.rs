//! `ledger`: the sealed record of everything that happened.

mod never_sealed;
mod show;
mod verify;
mod words;

use super::exit::{Answer, Exit, Failure};
use super::say::say;
use super::session::{Session, open_store};
use crate::config::Config;
use crate::ledger::{Bad, Noted, Sealer, key, newest_head};
use crate::{clock, japan, keys};
use owabi_core::ids::hex;
use owabi_core::ledger::{Head, PublicKey};
use owabi_store::Store;
use serde_json::{Value, json};
pub(super) use verify::{checked, noted};
pub(super) use words::Described;

/// The options of `ledger`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi ledger verify                        every entry and every seal; exit 1 when anything was changed
  owabi ledger head                          one line to note outside, in a mail to yourself or on paper
  owabi ledger verify --head noted.txt       also finds what was cut off the end since
  owabi ledger show --notice metaps-2022 --kind approve
  owabi ledger key > ledger.pem              the public key, for whoever checks signatures with openssl

`owabi run` seals about once a second. Copy ledger.key to a safe place.")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Check every entry and every seal, and what must agree with them  台帳を検証する
    Verify(verify::Options),
    /// Show the newest seal in one line  最新の封印を一行で示す
    Head,
    /// Read the entries  台帳を読む
    Show(show::Options),
    /// Write the public key as PEM  公開鍵を書き出す
    Key,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let store = session.store_to_read(&config).await?;
    let answer = match &options.verb {
        Verb::Verify(options) => verify::run(session, &config, &store, options).await,
        Verb::Head => head(session, &config, &store).await,
        Verb::Show(options) => show::run(session, &store, options).await,
        Verb::Key => public_key(session, &config, &store).await,
    };
    store.close().await;
    answer
}

/// Seals what is not sealed yet, when both keys are there. A ledger with very many seals is left to the daemon, which knows them.
///
/// # Errors
/// When the database or a key cannot be used; the daemon seals then.
pub(super) async fn seal_at_once(config: &Config) -> Result<(), Failure> {
    const MANY: i64 = 20_000;
    if !config.keys.file.exists() || config.ledger_secret(false).is_err() {
        return Ok(());
    }
    let store = open_store(config, false).await?;
    let sealed = async {
        if store.newest_seal().await?.is_some_and(|seal| seal.number > MANY) {
            return Ok(());
        }
        let (keys, key) = (keys::load(config, &store).await?, key::load(config, &store).await?);
        Sealer::new(store.clone(), keys, key).await?.noting(Noted::of(config)).seal(clock::now_ms()).await?;
        Ok(())
    };
    let sealed: Result<(), Failure> = sealed.await;
    store.close().await;
    sealed
}

pub(super) async fn sealed_with(config: &Config, store: &Store) -> Result<PublicKey, Failure> {
    if let Some(key) = key::public(config, store).await? {
        return Ok(key);
    }
    if store.newest_seal().await?.is_some() {
        let next = say!(ja: "`owabi ledger verify` で調べてください。", en: "look with `owabi ledger verify`");
        return Err(Failure::with(Exit::Failed, words::describe(store, &Bad::KeyGone).await?.text, next));
    }
    Err(Failure::with(
        Exit::Failed,
        say!(ja: "この台帳はまだ一度も封印されていません。", en: "this ledger was never sealed"),
        say!(ja: "`owabi run` が封印します。", en: "`owabi run` seals it"),
    ))
}

async fn public_key(session: &Session, config: &Config, store: &Store) -> Answer {
    let key = sealed_with(config, store).await?;
    let pem = key.to_pem();
    let shown = pem.trim_end();
    session.tell(&say!(ja: "{shown}", en: "{shown}"));
    session.answer(&json!({ "key": key.id(), "public": key.to_hex(), "pem": pem }));
    Ok(Exit::Done)
}

async fn head(session: &Session, config: &Config, store: &Store) -> Answer {
    let key = sealed_with(config, store).await?;
    let head = newest_head(store, &key).await?;
    session.tell(&say!(ja: "{head}", en: "{head}"));
    session.answer(&of_head(&head));
    Ok(Exit::Done)
}

fn of_head(head: &Head) -> Value {
    let Head { queue, number, at, entries, hash, key } = head;
    json!({
        "queue": queue, "number": number, "at": at, "entries": entries, "hash": hex(hash), "key": key,
        "text": head.to_string(),
    })
}

fn since(text: &str, now: i64) -> Result<i64, Failure> {
    japan::parse(text, now).ok_or_else(|| {
        Failure::with(
            Exit::Usage,
            say!(ja: "--since {text} を日時として読めません。", en: "--since {text} is no time"),
            super::say::Text::same("2022-03-02, 2022-03-02T09:00, 2h"),
        )
    })
}
