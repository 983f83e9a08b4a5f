//! `track review`: what arrived and nobody could be found for, whole, and a person's word on it.

use super::super::exit::{Answer, Exit, Failure};
use super::super::log::plain;
use super::super::say::{Text, say};
use super::super::session::Session;
use super::super::wrong_value::{WrongValue, one_of};
use super::open;
use crate::japan;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use owabi_core::people::Action;
use owabi_core::receipt::Says;
use owabi_store::{ArrivalRow, ByPerson, Received, Store};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How many a list shows.
const LIST: i64 = 200;

/// The options of `track review`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi track review                                         the list; ids may be shortened below
  owabi track review 4f1b09                                  the whole mail on stdout
  owabi track review 4f1b09 --out bounce.eml
  owabi track review 4f1b09 --member 10001 --notice metaps-2022 --says failed --reason 'phoned'
  owabi track review 4f1b09 --dismiss --reason 'advertising'
  owabi track review --again                                 match all of them once more")]
pub(super) struct Options {
    /// One of them, by the first letters of its id
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Write the whole mail into this file
    #[arg(long, value_name = "FILE", requires = "id")]
    out: Option<PathBuf>,
    /// It speaks of this member
    #[arg(long, value_name = "NO", requires_all = ["id", "notice", "says", "reason"], conflicts_with = "dismiss")]
    member: Option<String>,
    /// The member's notice
    #[arg(long, value_name = "ID", requires = "member")]
    notice: Option<String>,
    /// What it says: delivered, failed, delayed
    #[arg(long, value_name = "WORD", requires = "member", value_parser = says)]
    says: Option<Says>,
    /// It is of no account
    #[arg(long, requires_all = ["id", "reason"])]
    dismiss: bool,
    /// Why, for the ledger
    #[arg(long, value_name = "TEXT", value_parser = crate::cli::reason)]
    reason: Option<String>,
    /// Match everything that waits once more, as after an update
    #[arg(long, conflicts_with = "id")]
    again: bool,
}

fn says(word: &str) -> Result<Says, WrongValue> {
    match word {
        "delivered" => Ok(Says::Delivered),
        "failed" => Ok(Says::Failed),
        "delayed" => Ok(Says::Delayed),
        _ => Err(one_of(&["delivered", "failed", "delayed"])),
    }
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    if options.again {
        return again(session).await;
    }
    let config = session.config()?;
    let Some(id) = &options.id else {
        let store = session.store_to_read(&config).await?;
        return list(session, &store).await;
    };
    let changes = options.dismiss || options.member.is_some();
    if !changes {
        let store = session.store_to_read(&config).await?;
        return show(session, &store, id, options.out.as_deref()).await;
    }
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Track).await?.name;
    let arrival = find(&store, id).await?;
    match &options.member {
        Some(member_no) => say_of(session, options, &store, arrival, (member_no, actor)).await,
        None => dismiss(session, options, &store, arrival, actor).await,
    }
}

async fn again(session: &Session) -> Answer {
    let (config, intake) = open(session).await?;
    let store = session.store(&config).await?;
    let person = session.person(&store, Action::Track).await?;
    store.append_ledger(session.now(), &person.name, "review_again", None, &json!({})).await?;
    let settled = intake.take_reviewed().await? + intake.take_parked().await?;
    session.tell(&say!(ja: "{settled} 件を照合できました。", en: "{settled} found their member"));
    session.answer(&json!({ "matched_later": settled }));
    Ok(Exit::Done)
}

async fn list(session: &Session, store: &Store) -> Answer {
    let waiting = store.arrivals("review", 0, LIST).await?;
    let all: i64 = store.arrival_counts().await?.iter().filter(|of| of.state == "review").map(|of| of.count).sum();
    let listed = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
    session.look(store, "track review", &json!({}), listed).await?;
    if waiting.is_empty() {
        session.tell(&say!(ja: "確認を待つものはありません。", en: "nothing waits for a person"));
    }
    for row in &waiting {
        let (id, at) = (&row.sha256[..row.sha256.len().min(12)], japan::short(row.at));
        let (sender, subject) = (shown(row.sender.as_deref()), shown(row.subject.as_deref()));
        let why = why(row);
        let (ja, en) = (why.ja, why.en);
        session.tell(&say!(ja: "{id}  {at}  {ja}\n    {sender} 「{subject}」", en: "{id}  {at}  {en}\n    {sender} \"{subject}\""));
    }
    if all > listed {
        let more = all - listed;
        session.tell(&say!(ja: "ほかに {more} 件あります。", en: "and {more} more"));
    }
    session.answer(&json!({ "rows": waiting.iter().map(document).collect::<Vec<_>>(), "total": all }));
    Ok(Exit::Done)
}

fn document(row: &ArrivalRow) -> Value {
    json!({
        "id": row.sha256, "at": japan::iso(row.at), "source": row.source, "kind": row.kind, "state": row.state,
        "why": row.why, "from": row.sender, "subject": row.subject, "to": row.envelope_to, "size": row.size,
    })
}

/// Why it waits.
fn why(row: &ArrivalRow) -> Text {
    match row.why.as_deref() {
        Some("unmatched") => say!(ja: "不達通知。どの会員のものか分からない", en: "a bounce of nobody we know"),
        Some("ambiguous") => {
            say!(ja: "不達通知。同じアドレスの会員が複数いる", en: "a bounce; several rows have this address")
        }
        Some("no_recipient") => {
            say!(ja: "不達通知。何が起きたのか読み取れない", en: "a bounce that does not say what happened")
        }
        Some("complaint") => say!(ja: "迷惑メールの報告", en: "an abuse report"),
        Some("unproven") => say!(
            ja: "不達通知。会員のアドレスはあるが、owabi の署名がない",
            en: "a bounce that names a member's address and carries nothing that we signed"
        ),
        Some("unreadable" | "unrecordable") => {
            say!(ja: "そのままでは読み取れない、または記録できないもの", en: "it could not be read, or not be recorded as it is")
        }
        _ => say!(ja: "不達通知ではないメール(返信など)", en: "no bounce: an ordinary mail, perhaps an answer"),
    }
}

/// A stranger's words, on one line.
fn shown(words: Option<&str>) -> String {
    words.unwrap_or_default().chars().map(plain).collect()
}

async fn find(store: &Store, id: &str) -> Result<ArrivalRow, Failure> {
    let first = id.to_ascii_lowercase();
    let found = store.arrivals_like(&first).await?;
    match &found[..] {
        [one] => store.arrival(one).await?.ok_or_else(|| unknown(id)),
        [] => Err(unknown(id)),
        _ => Err(Failure::new(
            Exit::Failed,
            say!(ja: "{id} で始まるものが複数あります。もっと長く書いてください。", en: "several begin with {id}: write more of it"),
        )),
    }
}

fn unknown(id: &str) -> Failure {
    Failure::with(
        Exit::Failed,
        say!(ja: "{id} で始まるものはありません。", en: "nothing begins with {id}"),
        say!(ja: "`owabi track review` で一覧を見てください。", en: "`owabi track review` lists what there is"),
    )
}

async fn show(session: &Session, store: &Store, id: &str, out: Option<&Path>) -> Answer {
    let action = if out.is_some() { Action::Export } else { Action::Look };
    session.person(store, action).await?;
    let arrival = find(store, id).await?;
    let filter = json!({ "id": arrival.sha256 });
    match out {
        Some(_) => session.export(store, "track review", &filter, 1).await?,
        None => session.look(store, "track review", &filter, 1).await?,
    }
    hand_out(session, &arrival, out)
}

fn hand_out(session: &Session, arrival: &ArrivalRow, out: Option<&Path>) -> Answer {
    let Some(content) = &arrival.content else {
        let what =
            say!(ja: "成功の通知は受け取りの記録だけを残しています。", en: "of a success only the receipt is kept");
        return Err(Failure::new(Exit::Failed, what));
    };
    let raw =
        if arrival.kind == "log" { content.clone().into_bytes() } else { STANDARD.decode(content).unwrap_or_default() };
    let kept = i64::try_from(raw.len()).unwrap_or(i64::MAX);
    if arrival.kind != "log" && arrival.size > kept {
        let size = arrival.size;
        session.warn(&say!(ja: "全体は {size} バイトで、先頭の {kept} バイトだけを残しています。", en: "only the first {kept} of {size} octets are kept"));
    }
    match out {
        Some(file) => std::fs::write(file, &raw).map_err(|error| cannot_write(file, &error))?,
        None if session.json => {
            let mut document = document(arrival);
            document["content"] = json!(String::from_utf8_lossy(&raw));
            session.answer(&document);
        }
        None => std::io::stdout().lock().write_all(&raw)?,
    }
    if out.is_some() {
        session.answer(&document(arrival));
    }
    Ok(Exit::Done)
}

fn cannot_write(file: &Path, error: &std::io::Error) -> Failure {
    let file = file.display();
    Failure::new(Exit::Failed, say!(ja: "{file} に書けません: {error}", en: "{file} cannot be written: {error}"))
}

fn must_wait(arrival: &ArrivalRow) -> Result<(), Failure> {
    if matches!(arrival.state.as_str(), "review" | "parked") {
        return Ok(());
    }
    let state = &arrival.state;
    Err(Failure::new(
        Exit::Failed,
        say!(ja: "これはもう確認待ちではありません({state})。", en: "it does not wait any more ({state})"),
    ))
}

/// A person has said of whom it speaks, and may name one more: an address may stand in several notices.
fn is_matched_by_person(arrival: &ArrivalRow) -> bool {
    arrival.state == "matched" && arrival.why.as_deref() == Some("person")
}

async fn dismiss(session: &Session, options: &Options, store: &Store, arrival: ArrivalRow, actor: String) -> Answer {
    must_wait(&arrival)?;
    let (reason, now) = (options.reason.clone().unwrap_or_default(), session.now());
    let sha256 = arrival.sha256.clone();
    let dismissed = ArrivalRow { state: "dismissed".to_owned(), why: Some("person".to_owned()), ..arrival };
    let body = json!({ "evidence": sha256, "reason": reason });
    let by_person = Some(ByPerson { actor, kind: "dismiss", notice_id: None, body });
    store.receive(&Received { arrivals: vec![dismissed], by_person, ..Received::default() }, now).await?;
    session.tell(&say!(ja: "確認済みにしました。", en: "dismissed"));
    session.answer(&json!({ "id": sha256, "state": "dismissed" }));
    Ok(Exit::Done)
}

async fn say_of(
    session: &Session,
    options: &Options,
    store: &Store,
    arrival: ArrivalRow,
    (member_no, actor): (&str, String),
) -> Answer {
    if !is_matched_by_person(&arrival) {
        must_wait(&arrival)?;
    }
    let notice = options.notice.clone().unwrap_or_default();
    let says = options.says.unwrap_or(Says::Delayed);
    let Some(member) = store.member(&notice, member_no).await? else {
        let what =
            say!(ja: "「{notice}」に会員番号 {member_no} はいません。", en: "{notice} has no member {member_no}");
        return Err(Failure::new(Exit::Failed, what));
    };
    let (_, intake) = open(session).await?;
    let sha256 = arrival.sha256.clone();
    let body = json!({ "evidence": sha256, "member": format!("#{}", member.id), "says": says });
    let notice_id = Some(notice.clone());
    let by_person = ByPerson { actor, kind: "receipt_by_hand", notice_id, body };
    if !intake.take_by_hand(arrival, (member.id, says, options.reason.as_deref()), &by_person).await? {
        let what = say!(
            ja: "この会員へはいま送信中です。結果が出てから、もう一度実行してください。",
            en: "a mail to this member is just being sent: try again when its outcome is known"
        );
        return Err(Failure::new(Exit::TryAgain, what));
    }
    let after = store.member(&notice, member_no).await?.map(|member| member.status);
    let status = after.map_or("", owabi_core::lifecycle::Status::as_str);
    session.tell(&say!(ja: "記録しました。会員 {member_no}: {status}", en: "recorded; member {member_no}: {status}"));
    session.answer(&json!({ "id": sha256, "member": member_no, "status": status }));
    Ok(Exit::Done)
}
