//! `withdraw`: whoever is not sent to yet is taken out of the notice, or those of a selection are.

use super::exit::{Answer, Exit};
use super::pause::{known_state, state_label};
use super::say::{Text, say};
use super::selecting::Selecting;
use super::session::{Session, notice};
use owabi_core::lifecycle::Status;
use owabi_core::people::Action;
use serde_json::json;

/// The options of `withdraw`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi withdraw --notice metaps-2022 --reason 'wrong roster' --dry-run
  owabi withdraw --notice metaps-2022 --reason 'wrong roster' --yes
  owabi withdraw --notice metaps-2022 --member 10001 --reason 'not affected'
  owabi withdraw --notice metaps-2022 --file list.csv --reason 'told in person' --yes

Without a selection the whole notice is withdrawn, for good. With one, only those members are taken out and the
notice stays as it is; `owabi resend --status withdrawn` can take them in again, if they were released;
else `owabi import --take-in-withdrawn` does, from a roster that they are in. Mails that have left, or are just leaving, cannot be called back.
対象を絞ったときは、その人だけを取り下げ、お知らせはそのまま続きます。")]
pub(super) struct Options {
    /// The notice's id
    #[arg(long, value_name = "ID")]
    notice: String,
    #[command(flatten)]
    whom: Selecting,
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
    if !options.whom.is_empty() {
        return selected(session, options).await;
    }
    let id = &options.notice;
    let config = session.config()?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Withdraw).await?.name;
    let state = known_state((session, &store), store.notice(id).await?.map(|notice| notice.state), id).await?;
    let counts = store.counts().await?;
    let Text { ja, en } = state_label(&state);
    let count = |status| counts.get(id).and_then(|of| of.get(&status)).copied().unwrap_or(0);
    let open = count(Status::Held) + count(Status::Queued);
    let (sending, in_doubt) = (count(Status::Sending), count(Status::InDoubt));
    session.tell(&say!(
        ja: "「{id}」({ja}): 取り下げる人 {open}、送信中 {sending}、結果不明 {in_doubt}",
        en: "{id} ({en}): {open} to be taken out, {sending} being sent, {in_doubt} in doubt"
    ));
    if options.dry_run {
        session.tell(&only_looked());
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

/// Takes out the selected members alone.
async fn selected(session: &Session, options: &Options) -> Answer {
    let id = &options.notice;
    let config = session.config()?;
    let notice = notice(&config, id)?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Withdraw).await?.name;
    let state = known_state((session, &store), store.notice(id).await?.map(|notice| notice.state), id).await?;
    let statuses = options.whom.status.clone();
    let asked =
        options.whom.read((session, "withdraw"), &store, (&config, notice.renderer.definition()), statuses).await?;
    let counts = store.matching_counts(id, &asked.selection).await?;
    options.whom.look(session, &store, ("withdraw", id), &asked, counts.values().sum()).await?;
    let Text { ja, en } = state_label(&state);
    let count = |status| counts.get(&status).copied().unwrap_or(0);
    let open = count(Status::Held) + count(Status::Queued);
    let (sending, others) = (count(Status::Sending), counts.values().sum::<i64>() - open - count(Status::Sending));
    session.tell(&say!(
        ja: "「{id}」({ja}): 取り下げる人 {open}、送信中(まだ送られていなければ取り下げる) {sending}、すでに結果のある人(対象外) {others}",
        en: "{id} ({en}): {open} to be taken out, and of {sending} being sent those whose mails have not left; left as they are: {others} with an outcome"
    ));
    let (list, unknown) = (asked.words["list"].clone(), asked.unknown);
    if options.dry_run || open + sending == 0 {
        if open + sending + others == 0 {
            session.tell(&say!(ja: "この条件に当てはまる人はいません。", en: "nobody matches"));
        }
        session.tell(&if options.dry_run {
            only_looked()
        } else {
            say!(ja: "何も変更していません。", en: "nothing was changed")
        });
        session.answer(&json!({ "state": state, "withdrawn": 0, "would_withdraw": open, "sending": sending, "list": list, "unknown": unknown, "dry_run": options.dry_run }));
        return Ok(Exit::Done);
    }
    let question = say!(
        ja: "{open} 人と、送信中の {sending} 人のうちまだ送られていない人を取り下げますか? [yes/no]",
        en: "take out {open} members, and those of the {sending} being sent whose mails have not left? [yes/no]"
    );
    session.confirm(options.yes, &question)?;
    let selection = (&asked.selection, &asked.words);
    let withdrawn = store.withdraw_selected(id, selection, &options.reason, &actor, session.now()).await?;
    let left = store.matching_counts(id, &asked.selection).await?.remove(&Status::Sending).unwrap_or(0);
    store.close().await;
    session.tell(&say!(ja: "{withdrawn} 人を取り下げました。お知らせは{ja}のままです。", en: "{withdrawn} members taken out; the notice stays {en}"));
    if left > 0 {
        session.tell(&say!(
            ja: "{left} 件はちょうど送っているところで、取り下げられませんでした。",
            en: "{left} are just leaving and were not taken out"
        ));
    }
    session.answer(
        &json!({ "state": state, "withdrawn": withdrawn, "sending": left, "list": list, "unknown": unknown, "dry_run": false }),
    );
    Ok(Exit::Done)
}

fn only_looked() -> Text {
    say!(ja: "確認のみです。何も変更していません。", en: "a dry run; nothing was changed")
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
