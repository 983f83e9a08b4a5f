//! `evidence asked`: was the person with this address told, when, and with which text?

use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::log::plain;
use crate::cli::pause::known_state;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::{japan, keys};
use owabi_core::address::{Address, Lang};
use owabi_core::ids::Pseudonyms;
use owabi_core::ledger::Intent;
use owabi_core::people::Action;
use owabi_core::rebuild::{History, Released, Resent, Sent, round_of, texts};
use owabi_store::{LogFilter, LogRow, RosterRow, Store};
use serde_json::{Value, json};

/// The options of `evidence asked`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi evidence asked --notice metaps-2022 --email taro@example.jp
  owabi --json evidence asked --notice metaps-2022 --email 'Ｔａｒｏ＠example.jp' | jq .mails

The address is read as a roster's is, and tried in lower case, too. Earlier addresses count, too. After a purge it is found by its keyed hash.
削除の後も、鍵付きハッシュで調べられます。")]
pub(super) struct Options {
    /// The notice's id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// The person's address
    #[arg(long, value_name = "ADDRESS")]
    email: String,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let store = session.store_to_read(&config).await?;
    session.person(&store, Action::Evidence).await?;
    let id = &options.notice;
    known_state((session, &store), store.notice(id).await?.map(|notice| notice.state), id).await?;
    let address = Address::parse(&options.email).map_err(|problem| {
        let (ja, en) = (problem.text(Lang::Ja), problem.text(Lang::En));
        Failure::new(Exit::BadData, say!(ja: "宛先を読めません: {ja}", en: "this is no address: {en}"))
    })?;
    let pseudonyms = keys::load(&config, &store).await?.pseudonyms(id);
    let forms = forms(&address.address, &options.email, &pseudonyms);
    let mut members = Vec::new();
    for row in store.asked_members(id, &forms).await? {
        members.extend(member(&store, id, row, &forms).await?);
    }
    let rows = i64::try_from(members.len()).unwrap_or(i64::MAX);
    session.look(&store, "evidence asked", &json!({ "notice": id }), rows).await?;
    store.close().await;
    tell(session, &members);
    let told = members.iter().any(|member| member["told"] == true);
    session.answer(&json!({ "notice": id, "known": !members.is_empty(), "told": told, "members": members }));
    Ok(Exit::Done)
}

/// Every form in which the address may be stored, and its keyed hash.
fn forms(address: &Address, given: &str, pseudonyms: &Pseudonyms) -> Vec<String> {
    let mut plain = vec![address.as_str().to_owned(), address.envelope(), given.to_owned()];
    plain.extend([address.as_str().to_lowercase(), address.envelope().to_lowercase()]);
    plain.sort();
    plain.dedup();
    let keyed: Vec<String> = plain.iter().map(|form| pseudonyms.of(form)).collect();
    [plain, keyed].concat()
}

/// What was sent to this address for one row.
async fn member(store: &Store, id: &str, row: i64, forms: &[String]) -> Result<Option<Value>, Failure> {
    let mut snapshot = store.snapshot().await?;
    let Some(member) = snapshot.roster(id, row - 1, 1).await?.into_iter().find(|member| member.id == row) else {
        return Ok(None);
    };
    let pasts = snapshot.pasts(id, (row - 1, row)).await?;
    let releases: Vec<Released> = snapshot
        .releases(id)
        .await?
        .into_iter()
        .map(|release| Released { at: release.at, fingerprint: release.fingerprint })
        .collect();
    let resends: Vec<Resent> = pasts.resends.into_iter().map(|(_, resent)| resent).collect();
    let attempts = attempts(store, row).await?;
    let to_them = pasts.intents.iter().filter(|(_, _, intent)| forms.contains(&intent.rcpt_to));
    let mails: Vec<Value> =
        to_them.map(|(_, number, intent)| mail(&member, (*number, intent), (&releases, &resends), &attempts)).collect();
    let by_mail = mails.iter().filter(|mail| mail["outcome"] == "accepted");
    let mut told_by: Vec<Value> = by_mail.map(|mail| json!({ "by": "mail", "at": mail["at"] })).collect();
    let done = store.substitutes_of(&[row]).await?.into_iter().filter(|done| done.revoked_by.is_none());
    told_by.extend(done.map(|done| json!({ "by": done.kind, "at": done.on })));
    Ok(Some(json!({
        "member_no": member.member_no,
        "status": member.status,
        "told": !told_by.is_empty(),
        "told_by": told_by,
        "mails": mails,
    })))
}

pub(super) async fn attempts(store: &Store, row: i64) -> Result<Vec<LogRow>, Failure> {
    let page = store.log_after(&LogFilter::default(), (row, 0), 1_000).await?;
    Ok(page.into_iter().take_while(|entry| entry.member_id == row).collect())
}

fn mail(
    member: &RosterRow,
    (number, intent): (i64, &Intent),
    (releases, resends): (&[Released], &[Resent]),
    attempts: &[LogRow],
) -> Value {
    let history =
        History { email: None, round: member.round, queued_at: member.queued_at, releases, resends, corrections: &[] };
    let sent = Sent { at: intent.at, rcpt_to: &intent.rcpt_to, message_id: &intent.message_id };
    let text = texts(&history, &sent, round_of(&intent.message_id).unwrap_or(1)).into_iter().next();
    let attempt = attempts.iter().find(|attempt| attempt.attempt == number);
    json!({
        "attempt": number,
        "at": japan::iso(intent.at),
        "outcome": attempt.and_then(|attempt| attempt.outcome.clone()),
        "message_id": intent.message_id,
        "mail_sha256": intent.mail_sha256,
        "text": text.map(|(_, fingerprint)| fingerprint),
        "possible_duplicate": intent.possible_duplicate,
    })
}

fn tell(session: &Session, members: &[Value]) {
    if members.is_empty() {
        session.tell(&say!(ja: "この宛先の方は、このお知らせにいません。", en: "nobody of this notice has, or had, this address"));
    }
    for member in members {
        let (no, status) = (word(&member["member_no"]), word(&member["status"]));
        let ways = member["told_by"].as_array().map_or(&[][..], Vec::as_slice);
        let ways: Vec<String> = ways.iter().map(|way| format!("{} {}", word(&way["by"]), word(&way["at"]))).collect();
        let by = ways.join(", ");
        let (ja, en) = if ways.is_empty() { ("未通知", "not told") } else { ("通知済み", "told") };
        session.tell(&say!(ja: "{no}  [{status}]  {ja} {by}", en: "{no}  [{status}]  {en} {by}"));
        let mails = member["mails"].as_array().map_or(&[][..], Vec::as_slice);
        if mails.is_empty() {
            session.tell(&say!(ja: "  この宛先へは送っていません。", en: "  nothing was sent to this address"));
        }
        for mail in mails {
            let (at, outcome, text) = (word(&mail["at"]), word(&mail["outcome"]), word(&mail["text"]));
            let id = word(&mail["message_id"]);
            session.tell(&Text::same(format!("  {at}  {outcome}  <{id}>")));
            session.tell(&say!(ja: "    文面 {text}", en: "    text {text}"));
        }
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or("-").chars().map(plain).collect()
}
