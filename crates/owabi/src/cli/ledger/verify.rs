//! `ledger verify`: whether any record was changed.

use super::super::exit::{Answer, Exit, Failure, after_a_restore};
use super::super::say::say;
use super::super::session::Session;
use super::words::{Described, describe};
use super::{never_sealed, of_head};
use crate::config::Config;
use crate::ledger::{Bad, Checked, Noted, check, key};
use crate::{clock, keys};
use owabi_core::ids::Keys;
use owabi_core::ledger::{Finding, Head, PublicKey, SealFault};
use owabi_store::Store;
use serde_json::json;
use std::path::Path;

/// The options of `ledger verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi ledger verify && echo unchanged
  owabi ledger verify --head noted.txt          a file that holds a line of `owabi ledger head`
  owabi ledger verify --head \"owabi-head queue=… key=…\"
  journalctl -u owabi | grep owabi-head | tail -1 > noted.txt

Without --head the head beside the key (ledger.key.head) is used, where it can be read. Without either nobody can tell
whether the newest seals were cut off together with their entries.
Exit codes: 0 all is as it was sealed, 1 something was changed (it is named), 65 the head cannot be read,
75 nothing was sealed yet: no proof and no damage (`ok` of --json is null). Exit 1 where a seal was noted outside,
or where the seals are there and the record of their key is gone.")]
pub(super) struct Options {
    /// A head that was noted outside: the line, or a file that holds it
    #[arg(long, value_name = "FILE|TEXT")]
    head: Option<String>,
}

pub(super) async fn run(session: &Session, config: &Config, store: &Store, options: &Options) -> Answer {
    let expected = options.head.as_deref().map(noted).transpose()?;
    let Some(key) = key::public(config, store).await? else {
        return never_sealed::tell(session, config, store, expected.as_ref()).await;
    };
    let keys = keys::load(config, store).await?;
    let given = expected.clone();
    let begun = clock::monotonic();
    let (checked, first_bad) = checked(session, (config, store), (&keys, key), expected).await?;
    // `run` records the key a moment before it seals.
    if checked.head.number == 0 && first_bad.is_none() {
        return never_sealed::tell(session, config, store, given.as_ref()).await;
    }
    let seconds = clock::monotonic().duration_since(begun).as_secs_f64();
    tell(session, &checked, first_bad.as_ref(), given.is_some(), seconds);
    if matches!(checked.first_bad, Some(Bad::Sealed(Finding::Seal { fault: SealFault::CutOff, .. }))) {
        session.warn(&after_a_restore());
    }
    let Checked { head, unsealed, .. } = &checked;
    session.answer(&json!({
        "ok": first_bad.is_none(),
        "entries": head.entries,
        "seals": head.number,
        "unsealed": unsealed,
        "head": of_head(head),
        "first_bad": first_bad.as_ref().map(|bad| &bad.json),
        "seconds": seconds,
    }));
    Ok(if first_bad.is_none() { Exit::Done } else { Exit::Failed })
}

/// Checks the whole ledger with a bar of progress: against the head `expected`, or else the one that is noted on this machine.
///
/// # Errors
/// The database's; `Usage` and `Failed` when the head is of another ledger.
pub(in crate::cli) async fn checked(
    session: &Session,
    (config, store): (&Config, &Store),
    (keys, key): (&Keys, PublicKey),
    expected: Option<Head>,
) -> Result<(Checked, Option<Described>), Failure> {
    let queue = store.queue_id().await?;
    // The head of the last seal that was made here.
    let beside = || Noted::of(config).read(&queue).filter(|head| head.number > 0 && head.key == key.id());
    let expected = expected.or_else(beside);
    if let Some(head) = &expected {
        of_this_ledger(head, &queue, &key.id())?;
    }
    let newest = store.ledger_newest().await?;
    let bar = session.bar(newest.unsigned_abs(), &say!(ja: "検証", en: "checking"));
    let progress = bar.clone();
    let checked = check(store, keys, key, expected, &move |done| progress.set_position(done)).await;
    bar.finish_and_clear();
    let checked = checked?;
    let first_bad = match &checked.first_bad {
        Some(bad) => Some(describe(store, bad).await?),
        None => None,
    };
    Ok((checked, first_bad))
}

fn tell(session: &Session, checked: &Checked, bad: Option<&Described>, with_head: bool, seconds: f64) {
    let Checked { head, unsealed, .. } = checked;
    let (entries, seals) = (head.entries, head.number);
    if let Some(bad) = bad {
        session.warn(&bad.text.led_by("×", "!"));
        session.tell(&say!(
            ja: "署名とつながりの正しい封印: {seals} 個(記録 {entries} 件分、{seconds:.1} 秒)",
            en: "seals that are signed and follow each other rightly: {seals}, over {entries} entries ({seconds:.1} s)"
        ));
        return;
    }
    session.tell(&say!(
        ja: "台帳は封印のとおりです: {entries} 件、封印 {seals} 個、まだ封印されていないもの {unsealed} 件({seconds:.1} 秒)\n{head}",
        en: "the ledger is as it was sealed: {entries} entries, {seals} seals, {unsealed} not sealed yet ({seconds:.1} s)\n{head}"
    ));
    if !with_head {
        session.tell(&say!(
            ja: "上の一行を owabi の外に控えておき、次に --head で渡すと、末尾の切り落としも見つかります。",
            en: "note the line above outside of owabi; given as --head next time, it finds what was cut off the end"
        ));
    }
}

/// The head in a file, or in the text itself.
///
/// # Errors
/// `BadData`: there is none.
pub(in crate::cli) fn noted(given: &str) -> Result<Head, Failure> {
    let text = if Path::new(given).is_file() { head_file(given)? } else { given.to_owned() };
    Head::find(&text).ok_or_else(|| {
        Failure::with(
            Exit::BadData,
            say!(ja: "--head に、欠けたところのない owabi-head の行が見つかりません。", en: "--head holds no whole line of `owabi ledger head`"),
            say!(ja: "owabi-head で始まる一行か、それを含むファイルを指定してください。", en: "give the line that begins with owabi-head, or a file that holds it"),
        )
    })
}

/// A file that cannot be read says nothing against the ledger: exit 65, not 1.
fn head_file(file: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| {
        Failure::with(
            Exit::BadData,
            say!(ja: "--head のファイル {file} を読めません: {error}", en: "the file of --head, {file}, cannot be read: {error}"),
            say!(ja: "owabi-head で始まる一行を含むテキストファイル(UTF-8)を指定してください。", en: "give a text file (UTF-8) that holds the line that begins with owabi-head"),
        )
    })
}

/// A head of another ledger says nothing about this one.
fn of_this_ledger(head: &Head, queue: &str, key: &str) -> Result<(), Failure> {
    of_this_queue(head, queue)?;
    if head.key != key {
        return Err(Failure::new(
            Exit::Failed,
            say!(ja: "この台帳の鍵は、控えた時の鍵ではありません。台帳が作り直されたおそれがあります。", en: "this ledger's key is not the one that was noted: the ledger may have been made anew"),
        ));
    }
    Ok(())
}

/// # Errors
/// `Usage`: the head is of another queue.
pub(super) fn of_this_queue(head: &Head, queue: &str) -> Result<(), Failure> {
    if head.queue != queue {
        let noted = &head.queue;
        return Err(Failure::new(
            Exit::Usage,
            say!(ja: "--head は別の待ち行列({noted})のものです。この台帳は {queue} です。", en: "--head is of another queue ({noted}); this ledger is of {queue}"),
        ));
    }
    Ok(())
}
