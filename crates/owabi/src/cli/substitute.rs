//! `substitute`: what was done instead of a mail.

mod add;
mod list;

pub(super) use list::in_short;

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::Session;
use crate::japan;
use owabi_core::people::Action;
use owabi_store::SubstituteRow;
use serde_json::{Value, json};

/// The options of `substitute`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi substitute add --notice metaps-2022 --member 10001 --kind letter --on 2026-11-30 --note '書留'
  owabi substitute add --notice metaps-2022 --file letters.csv --kind letter --yes
  owabi substitute add --notice metaps-2022 --kind published --url https://example.jp/news/1 --from 2026-11-30 --until 2027-05-31
  owabi substitute list --notice metaps-2022 --csv > done.csv
  owabi substitute revoke 12 --reason '別の会員の記録だった'")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Record letters, calls, visits or a publication  対応を記録する
    Add(add::Options),
    /// What was recorded  記録を見る
    List(list::Options),
    /// Take a mistaken record back; it stays readable  誤った記録を取り消す
    Revoke(Revoke),
}

/// The options of `substitute revoke`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  owabi substitute revoke 12 --reason '別の会員の記録だった'")]
struct Revoke {
    /// The record's number, as `substitute list` shows it
    #[arg(value_name = "N")]
    number: i64,
    /// Why  理由
    #[arg(long, value_parser = super::reason)]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    match &options.verb {
        Verb::Add(options) => add::run(session, options).await,
        Verb::List(options) => list::run(session, options).await,
        Verb::Revoke(options) => revoke(session, options).await,
    }
}

async fn revoke(session: &Session, options: &Revoke) -> Answer {
    let number = options.number;
    let config = session.config()?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Substitute).await?.name;
    let nothing = || {
        Failure::with(
            Exit::Failed,
            say!(ja: "取り消せる記録 {number} はありません。", en: "there is no record {number} to be taken back"),
            say!(ja: "`owabi substitute list` で番号を確かめてください。", en: "`owabi substitute list` shows the numbers"),
        )
    };
    let found = store.substitute(number).await?;
    let row = found.filter(|row| row.revoked_by.is_none() && row.kind != "revoked").ok_or_else(nothing)?;
    let filter = json!({ "notice": row.notice, "member": row.member_no, "record": number });
    session.look(&store, "substitute revoke", &filter, 1).await?;
    session.tell(&line(&row));
    session
        .confirm(options.yes, &say!(ja: "この記録を取り消しますか? [yes/no]", en: "take this record back? [yes/no]"))?;
    let now = session.now();
    let why = (japan::day(now), options.reason.as_str());
    if !store.revoke_substitute(number, (&why.0, why.1), &actor, now).await? {
        return Err(nothing());
    }
    store.close().await;
    session.tell(&say!(ja: "取り消しました。", en: "taken back"));
    session.answer(&json!({ "id": number, "revoked": true }));
    Ok(Exit::Done)
}

/// What was done, in words.
pub(super) fn kind(word: &str) -> Text {
    match word {
        "letter" => say!(ja: "書面", en: "letter"),
        "telephone" => say!(ja: "電話", en: "telephone"),
        "visit" => say!(ja: "訪問", en: "visit"),
        "published" => say!(ja: "公表", en: "published"),
        "other" => say!(ja: "その他", en: "other"),
        other => Text::same(other),
    }
}

/// One record on one line.
pub(super) fn line(row: &SubstituteRow) -> Text {
    let SubstituteRow { id, on, actor, .. } = row;
    let Text { ja, en } = kind(&row.kind);
    let who = match (&row.member_no, &row.name) {
        (Some(no), Some(name)) => format!("{no}  {name}"),
        _ => row.url.clone().unwrap_or_default(),
    };
    let until = row.until.as_deref().map(|until| format!(" – {until}")).unwrap_or_default();
    let note = row.note.as_deref().map(|note| format!("  {note}")).unwrap_or_default();
    let revoked = row.revoked_by.as_deref().map(|by| (by, row.revoked_because.as_deref().unwrap_or_default()));
    let (gone_ja, gone_en) = revoked
        .map(|(by, why)| (format!("  [取消 {by}: {why}]"), format!("  [taken back by {by}: {why}]")))
        .unwrap_or_default();
    say!(
        ja: "{id:>5}  {on}{until}  {ja}  {who}{note}  ({actor}){gone_ja}",
        en: "{id:>5}  {on}{until}  {en}  {who}{note}  ({actor}){gone_en}"
    )
}

/// One record in `--json`.
pub(super) fn document(row: &SubstituteRow) -> Value {
    let mut document = json!(row);
    document["at"] = json!(japan::iso(row.at));
    document
}
