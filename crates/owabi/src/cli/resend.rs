//! `resend`: a batch of members is sent to again, with who asked and why.

use super::exit::{Answer, Exit, Failure};
use super::pause::known_state;
use super::say::{Text, say};
use super::selecting::{Asked, Selecting};
use super::session::{Session, notice};
use crate::japan;
use crate::library::LoadedNotice;
use owabi_core::lifecycle::{Event, Status};
use owabi_core::people::Action;
use owabi_store::{Chosen, RESEND_CLASSES, ResendBatch, ResendRequest, Store};
use serde_json::json;

/// The options of `resend`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi resend --notice metaps-2022 --status failed,bounced --reason-code mailbox_full --reason '一週間後の再送' --dry-run
  owabi resend --notice metaps-2022 --status failed --domain docomo.ne.jp --reason 'docomo の障害復旧後' --yes
  owabi resend --notice metaps-2022 --member 10001 --reason '本人から新しいアドレスの連絡'
  owabi resend --notice metaps-2022 --file list.csv --reason '…' --yes
  owabi resend --notice metaps-2022 --member 10002 --include-delivered --count 1 --reason '本人の希望' --yes

Failed, bounced and withdrawn members, and unreachable ones whose address was corrected. Members whom the relay or
their mailbox has accepted are sent to again only with --include-delivered, and then the number is to be typed
(elsewhere: --count N). Whoever is in doubt is not: see `owabi resolve`. The same command with the same reason never
chooses anybody twice; another reason is a new request. The reason is sealed: no names or addresses in it.
同じ条件・同じ理由の再送は、同じ人を二度選びません。理由は改ざん防止の記録に残るため、氏名やアドレスは書かないでください。")]
pub(super) struct Options {
    /// The notice's id  お知らせの id
    #[arg(long, value_name = "ID")]
    notice: String,
    #[command(flatten)]
    whom: Selecting,
    /// Why; kept with the batch and in the ledger  理由
    #[arg(long, value_parser = super::reason)]
    reason: String,
    /// Also members who were accepted or delivered
    #[arg(long)]
    include_delivered: bool,
    /// How many it must be; needed with --include-delivered and --yes
    #[arg(long, value_name = "N")]
    count: Option<i64>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Count, change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let id = &options.notice;
    let config = session.config()?;
    let notice = notice(&config, id)?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Resend).await?.name;
    super::db::refuse_restored(&config, &store).await?;
    refuse_unreleased(session, &store, &notice, options).await?;
    let statuses = statuses(options)?;
    let asked =
        options.whom.read((session, "resend"), &store, (&config, notice.renderer.definition()), statuses).await?;
    let (fingerprint, words) = (notice.renderer.fingerprint_hex(), asked.words.to_string());
    let request = ResendRequest {
        notice_id: id,
        fingerprint: &fingerprint,
        selection: &asked.selection,
        words: &words,
        include_delivered: options.include_delivered,
        reason: &options.reason,
        actor: &actor,
    };
    let looked = store.resend_look(&request).await?;
    let before = store.resend_batches_like(&request).await?;
    let rows = looked.selected + looked.excluded.values().sum::<i64>();
    options.whom.look(session, &store, ("resend", id), &asked, rows).await?;
    tell(session, id, &looked, &before, &asked);
    if options.dry_run {
        session.tell(&say!(ja: "確認のみです。何も変更していません。", en: "a dry run; nothing was changed"));
        answer(session, options, None, &looked, (&before, &asked));
        return Ok(Exit::Done);
    }
    if looked.selected == 0 {
        answer(session, options, None, &looked, (&before, &asked));
        return Ok(Exit::Done);
    }
    ask(session, options, looked.selected)?;
    let exactly = (options.include_delivered || options.count.is_some()).then_some(looked.selected);
    let batch = uuid::Uuid::now_v7().to_string();
    let done = store.resend(&request, &batch, exactly, session.now()).await?;
    store.close().await;
    let n = done.selected;
    session.tell(&say!(
        ja: "{n} 人を再送の待ち行列に入れました(バッチ {batch})。`owabi run` が送ります。",
        en: "{n} members are due again (batch {batch}); `owabi run` sends to them"
    ));
    answer(session, options, (n > 0).then_some(&batch), &done, (&before, &asked));
    Ok(Exit::Done)
}

/// Only what is released, in the text that is released, is sent again.
async fn refuse_unreleased(
    session: &Session,
    store: &Store,
    notice: &LoadedNotice,
    options: &Options,
) -> Result<(), Failure> {
    let id = &options.notice;
    let row = store.notice(id).await?;
    let state = known_state((session, store), row.as_ref().map(|row| row.state.clone()), id).await?;
    if store.kept(id).await?.1.is_some() {
        return Err(Failure::with(
            Exit::Failed,
            say!(ja: "「{id}」の個人情報は削除済みです。宛先がないため再送できません。", en: "the personal data of {id} was purged: there are no addresses to send to"),
            say!(ja: "送る必要があれば、新しい id のお知らせにして名簿を取り込んでください。", en: "if it must be sent, import the roster for a notice with a new id"),
        ));
    }
    let (what, next) = match state.as_str() {
        "released" => {
            let released = row.and_then(|row| row.fingerprint).unwrap_or_default();
            if released == notice.renderer.fingerprint_hex() {
                return Ok(());
            }
            (
                say!(ja: "「{id}」の文面または内容が、解禁したときのものと違います。", en: "template or facts of {id} are not those that were released"),
                say!(
                    ja: "解禁したときのファイルに戻してください。承認されていない文面は送りません。",
                    en: "restore the files as they were released: a text that nobody approved is not sent"
                ),
            )
        }
        "paused" if options.dry_run => {
            session.tell(&say!(
                ja: "「{id}」は一時停止中です。再送するには先に `owabi resume {id}` を実行します。",
                en: "{id} is paused: `owabi resume {id}` comes before a resend"
            ));
            return Ok(());
        }
        "paused" => (
            say!(ja: "「{id}」は一時停止中です。", en: "{id} is paused"),
            say!(ja: "先に `owabi resume {id}` を実行してください。", en: "run `owabi resume {id}` first"),
        ),
        "withdrawn" => (
            say!(ja: "「{id}」は取り下げられています。再送はできません。", en: "{id} is withdrawn: nobody is sent to again"),
            say!(ja: "送る必要があれば、新しい id のお知らせにしてください。", en: "if it must be sent, make it a notice with a new id"),
        ),
        _ => (
            say!(ja: "「{id}」はまだ解禁されていません。", en: "{id} is not released yet"),
            say!(ja: "`owabi preflight --notice {id}`、`owabi approve {id}`、`owabi release {id}` の順に進めてください。", en: "`owabi preflight --notice {id}`, `owabi approve {id}`, `owabi release {id}` come first"),
        ),
    };
    Err(Failure::with(Exit::Failed, what, next))
}

/// The statuses that are meant. Who names members need not know how they stand.
fn statuses(options: &Options) -> Result<Vec<Status>, Failure> {
    let whom = &options.whom;
    let asked = |status: &Status| whom.status.contains(status);
    if !whom.status.is_empty() {
        return Ok(Status::ALL.into_iter().filter(asked).collect());
    }
    if whom.member.is_none() && whom.file.is_none() {
        return Err(Failure::with(
            Exit::Usage,
            say!(ja: "誰に再送するかを指定してください。", en: "say to whom"),
            say!(ja: "例: --status failed,bounced、--member 10001、--file 一覧.csv", en: "for example --status failed,bounced, --member 10001 or --file list.csv"),
        ));
    }
    let event = if options.include_delivered { Event::ResendByName } else { Event::Resend };
    let meant = |status: &Status| *status != Status::Withdrawn && status.after(event).is_ok();
    Ok(Status::ALL.into_iter().filter(meant).collect())
}

fn tell(session: &Session, id: &str, looked: &Chosen, before: &[ResendBatch], asked: &Asked) {
    let n = looked.selected;
    session.tell(&say!(ja: "「{id}」: 再送する人 {n}", en: "{id}: {n} to be sent to again"));
    let told = looked.told_otherwise;
    if told > 0 {
        session.tell(&say!(
            ja: "  うち {told} 人には、書面や電話などですでに知らせています。",
            en: "  {told} of them were told already in another way (a letter, a call)"
        ));
    }
    for class in RESEND_CLASSES {
        let Some(count) = looked.excluded.get(class).filter(|count| **count > 0) else { continue };
        let Text { ja, en } = why(class);
        session.tell(&say!(ja: "  除外 {count}: {ja}", en: "  left out {count}: {en}"));
    }
    for batch in before {
        let (batch, at, members, actor) = (&batch.id, japan::short(batch.at), batch.members, &batch.actor);
        session.tell(&say!(
            ja: "  同じ条件・同じ理由の再送: {at} {actor}、{members} 人(バッチ {batch})",
            en: "  the same request before: {at} {actor}, {members} members (batch {batch})"
        ));
    }
    if !asked.unknown.is_empty() {
        let (count, named) = (asked.unknown.len(), super::selecting::named(&asked.unknown.iter().cloned().collect()));
        session.warn(&say!(
            ja: "一覧のうち登録のない会員番号 {count} 件を除きました: {named}",
            en: "{count} numbers of the list are not in the notice, and left out: {named}"
        ));
    }
}

/// Why a member is left out.
fn why(class: &str) -> Text {
    match class {
        "told" => {
            say!(ja: "受付済み・配達済み(--include-delivered で対象にできます)", en: "accepted or delivered already (--include-delivered)")
        }
        "in_doubt" => say!(ja: "結果不明(`owabi resolve` で判断します)", en: "in doubt (`owabi resolve` decides)"),
        "under_way" => say!(ja: "送信中", en: "being sent"),
        "waiting" => say!(ja: "送信待ち・解禁待ち", en: "queued or held already"),
        "withdrawn" => {
            say!(ja: "取り下げ済み(解禁していた人は --status withdrawn で対象にできます。一度も解禁していない人は `owabi import --take-in-withdrawn` で保留に戻します)", en: "withdrawn (--status withdrawn, if they were released; else `owabi import --take-in-withdrawn` holds them again)")
        }
        "other_status" => say!(ja: "指定した状況ではない", en: "of another status"),
        "never_released" => {
            say!(ja: "一度も解禁されていない(承認されていない人には送りません。取り下げた人は、名簿を `owabi import --take-in-withdrawn` で取り込むと保留に戻ります。そのあと点検・承認・解禁を受けてください)", en: "never released (nobody approved mails to them: whoever was withdrawn is held again by `owabi import --take-in-withdrawn`; then preflight, approve and release)")
        }
        "no_address" => {
            say!(ja: "使えるアドレスがない(`owabi member correct` で訂正できます)", en: "no usable address (`owabi member correct`)")
        }
        "already_resent" => {
            say!(ja: "同じ条件・同じ理由で再送済み(新しい依頼なら、別の理由を書いてください)", en: "resent already for this selection and reason (a new request has another reason)")
        }
        other => Text::same(other),
    }
}

fn ask(session: &Session, options: &Options, selected: i64) -> Result<(), Failure> {
    if let Some(count) = options.count.filter(|count| *count != selected) {
        return Err(Failure::with(
            Exit::Failed,
            say!(ja: "--count は {count} ですが、選ばれたのは {selected} 人です。", en: "--count says {count}, but {selected} are selected"),
            say!(ja: "--dry-run で確かめてください。何も変更していません。", en: "look with --dry-run; nothing was changed"),
        ));
    }
    if !options.include_delivered {
        let question =
            say!(ja: "{selected} 人に再送しますか? [yes/no]", en: "send to {selected} members again? [yes/no]");
        return session.confirm(options.yes, &question);
    }
    let question = say!(
        ja: "すでに届いている可能性のある人にも、もう一度送ります。再送する人数を入力してください({selected}):",
        en: "members who may have it get it once more; type how many ({selected}):"
    );
    if options.yes && options.count.is_none() {
        return Err(Failure::with(
            Exit::Usage,
            question,
            say!(ja: "--yes には --count {selected} が必要です。", en: "--yes needs --count {selected}"),
        ));
    }
    session.confirm_count(options.yes, &question, selected)
}

fn answer(
    session: &Session,
    options: &Options,
    batch: Option<&String>,
    chosen: &Chosen,
    (before, asked): (&[ResendBatch], &Asked),
) {
    session.answer(&json!({
        "batch": batch,
        "selected": chosen.selected,
        "told_otherwise": chosen.told_otherwise,
        "excluded": chosen.excluded,
        "same_request": before.iter().map(|batch| batch.id.as_str()).collect::<Vec<_>>(),
        "list": asked.words["list"],
        "unknown": asked.unknown,
        "dry_run": options.dry_run,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_who_is_left_out_is_told_why_in_both_languages() {
        for class in RESEND_CLASSES {
            let Text { ja, en } = why(class);
            assert!(ja != class && en != class && ja != en, "{class}");
        }
    }
}
