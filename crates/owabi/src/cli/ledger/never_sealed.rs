//! `ledger verify` of a ledger without any seal, or without the record of its key: nothing is proven, and nothing is known to be wrong,
//! unless a seal is there or was noted outside.

use super::super::exit::{Answer, Exit, Failure, after_a_restore};
use super::super::say::say;
use super::super::session::Session;
use super::verify::of_this_queue;
use super::words::describe;
use crate::config::Config;
use crate::ledger::{Bad, Noted, key};
use owabi_core::ledger::Head;
use owabi_store::Store;
use serde_json::{Value, json};

/// Says that nothing was sealed yet. Whoever takes the key away leaves the seals, and whoever empties the database of both does not reach
/// what was noted: then it is a finding. A daemon that begins just now records the key, seals, and notes the head, in this order: they
/// are looked at in the other one.
pub(super) async fn tell(session: &Session, config: &Config, store: &Store, given: Option<&Head>) -> Answer {
    let (queue, entries) = (store.queue_id().await?, store.ledger_newest().await?);
    if let Some(head) = given {
        of_this_queue(head, &queue)?;
    }
    let noted = Noted::of(config);
    let (own, any) = (noted.read(&queue), noted.any());
    let sealed = store.newest_seal().await?.is_some();
    if sealed && key::public(config, store).await?.is_none() {
        return wrong(session, store, entries, &Bad::KeyGone).await;
    }
    if !sealed && given.into_iter().chain(&own).any(|head| head.number > 0) {
        let exit = wrong(session, store, entries, &Bad::SealsGone).await?;
        session.warn(&after_a_restore());
        return Ok(exit);
    }
    if !sealed && any {
        return Err(of_another(&noted));
    }
    session.tell(&say!(
        ja: "この台帳はまだ一度も封印されていません(記録 {entries} 件)。確かめられることはまだありません。\n動いている `owabi run` が、およそ 1 秒ごとに封印します。そのあとでもう一度検証してください。",
        en: "this ledger was never sealed ({entries} entries so far): there is nothing yet to check them against\n`owabi run` seals about once a second while it is at work: verify again then"
    ));
    session.answer(&document(None, entries, None));
    Ok(Exit::TryAgain)
}

async fn wrong(session: &Session, store: &Store, entries: i64, bad: &Bad) -> Answer {
    let bad = describe(store, bad).await?;
    session.warn(&bad.text.led_by("×", "!"));
    session.answer(&document(false, entries, Some(&bad.json)));
    Ok(Exit::Failed)
}

fn of_another(noted: &Noted) -> Failure {
    let place = noted.place();
    Failure::with(
        Exit::Failed,
        say!(
            ja: "この台帳は一度も封印されていませんが、{place} には別の待ち行列の封印の控えがあるか、読めません。データベースが取り替えられたおそれがあります。",
            en: "this ledger was never sealed, but {place} notes the seals of another queue, or cannot be read: another database may have been put in its place"
        ),
        say!(
            ja: "控えを読める利用者で実行し、database.url が正しいか確かめてください。新しく始めたデータベースなら、`owabi run` が封印します。",
            en: "run this as a user who can read it, and look at database.url; if the database was begun anew on purpose, `owabi run` seals it"
        ),
    )
}

/// As `--json` has it of every ledger; `ok` is null while nothing can be said.
fn document(ok: impl Into<Option<bool>>, entries: i64, first_bad: Option<&Value>) -> Value {
    json!({
        "ok": ok.into(), "entries": 0, "seals": 0, "unsealed": entries, "head": null, "first_bad": first_bad, "seconds": 0.0,
    })
}
