//! `release`: what was approved becomes due.

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::{Session, notice};
use super::state_reason;
use crate::release::{self, Changed, Obstacle};
use owabi_core::notice::Policy;
use owabi_core::people::Action;
use serde_json::json;

/// The options of `release`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi release metaps-2022 --dry-run     is everything ready?
  owabi release metaps-2022               asks, then everybody who is held becomes due
  owabi release metaps-2022 --yes         for scripts")]
pub(super) struct Options {
    /// The notice's id
    id: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Say what would happen, change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let id = &options.id;
    let config = session.config()?;
    let notice = notice(&config, id)?;
    let store = session.store(&config).await?;
    let person = session.person(&store, Action::Release).await?;
    super::db::refuse_restored(&config, &store).await?;
    super::pause::refuse_purged(&store, id).await?;
    let known = store.notice(id).await?;
    let why = known.as_ref().and_then(|notice| notice.state_reason.clone());
    let state = known.map(|notice| notice.state).unwrap_or_default();
    refuse_state(id, &state, why.as_deref())?;
    let ready = match release::approved(&store, &notice).await? {
        Ok(ready) => ready,
        Err(Obstacle::Nobody) if state == "released" => {
            session.tell(&say!(ja: "「{id}」は解禁済みです。解禁を待っている人はいません。", en: "{id} is released already; nobody waits for a release"));
            session.answer(&json!({ "state": "released", "queued": 0, "dry_run": options.dry_run }));
            return Ok(Exit::Done);
        }
        Err(found) => return Err(obstacle(id, &found)),
    };
    let rows = ready.rows;
    let title = &notice.renderer.definition().title;
    let from = &notice.renderer.definition().from.address;
    session.tell(&say!(
        ja: "「{title}」({id}): {rows} 通、差出人 {from}",
        en: "{title:?} ({id}): {rows} mails, from {from}"
    ));
    tell_how(session, &notice.renderer.definition().policy, rows);
    if options.dry_run {
        session.tell(&say!(ja: "確認のみです。何も変更していません。", en: "a dry run; nothing was changed"));
        session.answer(&json!({ "state": state, "queued": 0, "would_queue": rows, "dry_run": true }));
        return Ok(Exit::Done);
    }
    let question = say!(
        ja: "解禁すると送信が始まります。送る通数を入力してください({rows}):",
        en: "they will be sent; to release them, type how many ({rows}):"
    );
    session.confirm_count(options.yes, &question, rows)?;
    let queued = release::release(&store, &notice, &ready, &person.name, session.now()).await?;
    session.tell(&say!(ja: "{queued} 通を送信待ちにしました。`owabi run` が送ります。", en: "{queued} mails are due; `owabi run` sends them"));
    session.answer(&json!({ "state": "released", "queued": queued, "dry_run": false }));
    store.close().await;
    Ok(Exit::Done)
}

/// When the mails will leave, and how many of them first.
fn tell_how(session: &Session, policy: &Policy, rows: i64) {
    if policy.approvals_required == 0 {
        session.tell(&say!(
            ja: "このお知らせの方針では、誰の承認も要りません(policy.approvals_required: 0)。",
            en: "by the notice's policy nobody's approval is required (policy.approvals_required: 0)"
        ));
    }
    if let Some(window) = policy.window {
        session.tell(&say!(
            ja: "送信時間帯は {window}(日本時間)です。",
            en: "mails leave at {window}, Japan time"
        ));
    }
    if let Some(canary) = canary(policy.canary, rows) {
        session.tell(&canary);
    }
}

/// How many mails of `rows` leave first.
fn canary(first: u32, rows: i64) -> Option<Text> {
    match i64::from(first) {
        0 => None,
        first if rows <= first => Some(say!(
            ja: "この文面で初めての解禁なら、{rows} 通すべてが試し送りになります。",
            en: "if this is the first release of the text, all {rows} mails are its canary"
        )),
        first => Some(say!(
            ja: "この文面で初めての解禁なら、まず {first} 通だけ送り、結果が良ければ残りを送ります。",
            en: "the first release of a text sends {first} mails, and the rest when those are well"
        )),
    }
}

fn refuse_state(id: &str, state: &str, why: Option<&str>) -> Result<(), Failure> {
    let Text { ja, en } = why.map_or_else(|| Text::same(""), state_reason::in_brackets);
    match state {
        "paused" => Err(Failure::with(
            Exit::Failed,
            say!(ja: "「{id}」は一時停止中です{ja}。", en: "{id} is paused{en}"),
            say!(ja: "先に `owabi resume {id}` を実行してください。", en: "run `owabi resume {id}` first"),
        )),
        "withdrawn" => {
            Err(Failure::new(Exit::Failed, say!(ja: "「{id}」は取り下げられています。", en: "{id} is withdrawn")))
        }
        _ => Ok(()),
    }
}

/// Why something may not be approved or released, and what to do.
pub(crate) fn obstacle(id: &str, found: &Obstacle) -> Failure {
    let again =
        say!(ja: "`owabi preflight --notice {id}` を実行してください。", en: "run `owabi preflight --notice {id}`");
    match found {
        Obstacle::NoPreflight => Failure::with(
            Exit::Failed,
            say!(ja: "「{id}」はまだ点検されていません。", en: "{id} has had no preflight"),
            again,
        ),
        Obstacle::Problems(n) => Failure::with(
            Exit::Failed,
            say!(ja: "最後の点検で {n} 件の問題が見つかっています。", en: "the latest preflight found problems in {n} rows"),
            say!(ja: "直してから `owabi preflight --notice {id}` を実行してください。", en: "correct them, then run `owabi preflight --notice {id}`"),
        ),
        Obstacle::Nobody => Failure::with(
            Exit::Failed,
            say!(ja: "「{id}」には送信を待っている人がいません。", en: "nobody is held for {id}"),
            say!(ja: "`owabi import 名簿 --notice {id}` で名簿を取り込んでください。", en: "import a roster: `owabi import FILE --notice {id}`"),
        ),
        Obstacle::Changed(changed) => {
            let Text { ja, en } = names(changed);
            let what = say!(ja: "点検のあとに変わったもの: {ja}。", en: "changed since the preflight: {en}");
            let next = Text {
                ja: format!("{}変更前の承認は無効です。", again.ja),
                en: format!("{}; approvals of what was there before do not count", again.en),
            };
            Failure::with(Exit::Failed, what, next)
        }
        Obstacle::Approvals { have, need, before, changed } => {
            let (n, by) = (have.len(), have.join(", "));
            let by = if by.is_empty() { by } else { format!("({by})") };
            let gap = if by.is_empty() { "" } else { " " };
            let mut what =
                say!(ja: "承認が足りません: {n} 人 / 必要 {need} 人{by}。", en: "{n} of {need} approvals{gap}{by}");
            if !before.is_empty() {
                let (before, Text { ja, en }) = (before.join(", "), names(changed));
                let void = say!(
                    ja: "以前の承認({before})は、その後に変わったものがあるため無効です: {ja}。",
                    en: "; earlier approvals ({before}) do not count, since this changed: {en}"
                );
                what = Text { ja: what.ja + &void.ja, en: what.en + &void.en };
            }
            Failure::with(
                Exit::Failed,
                what,
                say!(ja: "別の人が `owabi approve {id}` を実行してください。", en: "another person runs `owabi approve {id}`"),
            )
        }
    }
}

fn names(changed: &[Changed]) -> Text {
    let of = |part: fn(&Changed) -> &'static str| changed.iter().map(part).collect::<Vec<_>>();
    Text { ja: of(|part| name(*part).0).join("、"), en: of(|part| name(*part).1).join(", ") }
}

fn name(part: Changed) -> (&'static str, &'static str) {
    match part {
        Changed::Template => ("テンプレート", "the template"),
        Changed::Facts => ("お知らせの内容(事実・差出人など)", "the notice's facts"),
        Changed::Text => ("文面", "the text"),
        Changed::Roster => ("名簿", "the roster"),
        Changed::Policy => ("送信の方針(承認数・時間帯など)", "the sending policy"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_is_no_larger_than_its_canary_is_said_to_be_all_canary() {
        let said = |first, rows| canary(first, rows).map(|text| text.en);
        assert_eq!(said(0, 7), None);
        assert!(said(50, 7).unwrap().ends_with("all 7 mails are its canary"));
        assert!(said(50, 50).unwrap().ends_with("all 50 mails are its canary"));
        assert!(said(50, 51).unwrap().contains("sends 50 mails, and the rest"));
    }
}
