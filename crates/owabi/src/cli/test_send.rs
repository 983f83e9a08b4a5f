//! `test-send`: one mail to somebody who asked for it.

use super::exit::{Answer, Exit, Failure};
use super::preview::{not_fit, sample};
use super::say::{Text, say};
use super::session::{Session, notice};
use crate::config::Config;
use crate::library::{Library, LoadedNotice};
use crate::outgoing::{Listed, Outgoing};
use crate::preflight::Mailer;
use crate::{configuration, keys, relays};
use owabi_core::address::Address;
use owabi_core::ids::{Subject, hex};
use owabi_core::member::Member;
use owabi_core::outcome::Outcome;
use owabi_core::people::Action;
use owabi_core::render::{Mail, Stamp};
use owabi_smtp::envelope::Parcel;
use owabi_store::Store;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// A test mail belongs to no row, so nobody else can take it over: longer than any step may take.
const NO_LEASE: Duration = Duration::from_hours(24);

/// The options of `test-send`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  owabi test-send --notice metaps-2022 --to operator@example.jp

The address must be in the notice's test_addresses or in test_send.allow of the configuration. The mail is the
real one, subject and all; it is recorded in the ledger.")]
pub(super) struct Options {
    /// The notice's id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// Where to send it
    #[arg(long, value_name = "ADDR")]
    to: String,
    /// Whose letter to send; a made-up member's when absent
    #[arg(long, value_name = "NO")]
    member: Option<String>,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let notice = notice(&config, &options.notice)?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::TestSend).await?.name;
    let to = allowed(&config, &notice, &options.to)?;
    let keys = keys::load(&config, &store).await?;
    let (row, member) = member(&store, &notice, options).await?;
    let now = session.now();
    configuration::note(&config, &Library::load(&config), &store, &actor, now).await?;
    let subject = Subject { notice_id: &options.notice, member_id: now, round: 0 };
    let message_id = Mailer::new(&config, &keys).message_id(subject);
    let stamp = Stamp { to: &to.address().envelope(), message_id: &message_id, dated_at_ms: now };
    let mail = notice.renderer.mail(&member, &stamp).map_err(|error| Failure::new(Exit::BadData, not_fit(&error)))?;
    let envid = keys.envid(subject, 1);
    let mut body = json!({ "to": to.address().to_string(), "member": row, "message_id": message_id, "mail_sha256": hex(&mail.sha256), "outcome": "pending" });
    // What the ledger does not take is not sent.
    store.append_ledger(now, &actor, "test_send", Some(&options.notice), &body).await?;
    let (relay, outcome) = send(&config, &to, &mail, envid).await?;
    body["relay"] = json!(relay);
    let (word, code) = in_short(&outcome);
    body["outcome"] = json!(word);
    body["code"] = json!(code);
    store.append_ledger(session.now(), &actor, "test_send", Some(&options.notice), &body).await?;
    store.close().await;
    Ok(report(session, &relay, &message_id, &outcome))
}

fn allowed(config: &Config, notice: &LoadedNotice, to: &str) -> Result<Listed, Failure> {
    let parsed = Address::parse(to).map_err(|problem| {
        let (ja, en) = (problem.text(owabi_core::address::Lang::Ja), problem.text(owabi_core::address::Lang::En));
        Failure::new(Exit::BadData, say!(ja: "--to: {ja}", en: "--to: {en}"))
    })?;
    Listed::for_test(&parsed.address, &config.test_send, notice.renderer.definition()).ok_or_else(|| {
        Failure::with(
            Exit::Failed,
            say!(ja: "この宛先は試し送りを許可されていません。", en: "test mails may not go to this address"),
            say!(
                ja: "設定の test_send.allow か、お知らせの test_addresses に加えてください。",
                en: "add it to test_send.allow in the configuration, or to test_addresses of the notice"
            ),
        )
    })
}

/// Whose letter it is: the row for the ledger, which cannot forget a number, and the member.
async fn member(store: &Store, notice: &LoadedNotice, options: &Options) -> Result<(Option<String>, Member), Failure> {
    let Some(no) = &options.member else { return Ok((None, sample(&notice.renderer))) };
    let row = store.member(&options.notice, no).await?;
    row.map(|row| (Some(format!("#{}", row.id)), row.member)).ok_or_else(|| {
        let id = &options.notice;
        Failure::new(Exit::Failed, say!(ja: "「{id}」に会員 {no} はいません。", en: "{id} has no member {no}"))
    })
}

/// Hands the mail to the first relay that can be opened.
async fn send(config: &Config, to: &Listed, mail: &Mail, envid: String) -> Result<(String, Outcome), Failure> {
    let mut why = Text::default();
    for relay in relays::relays(config)? {
        match Outgoing::open(&relay).await {
            Ok(connection) => {
                let parcel = Parcel {
                    id: 1,
                    mail_from: config.smtp.bounce.address.clone(),
                    rcpt_to: String::new(),
                    envid,
                    orcpt: None,
                    notify_success: false,
                    smtputf8: to.address().needs_smtputf8(),
                    body: mail.bytes.clone().into(),
                };
                return Ok((relay.name, connection.send_listed(to, parcel, Instant::now() + NO_LEASE).await));
            }
            Err(fault) => why = fault.text().at(&relay.name),
        }
    }
    let Text { ja, en } = why;
    let next = say!(ja: "`owabi check --connect` で確かめてください。", en: "look at `owabi check --connect`");
    Err(Failure::with(
        Exit::Unavailable,
        say!(ja: "中継サーバーにつながりません: {ja}", en: "no relay can be reached: {en}"),
        next,
    ))
}

/// The outcome's word and the reply's code. What a relay says more may name people.
fn in_short(outcome: &Outcome) -> (&'static str, Option<u16>) {
    match outcome {
        Outcome::Accepted(reply) => ("accepted", Some(reply.code)),
        Outcome::Refused(_, reply) => ("refused", Some(reply.code)),
        Outcome::NotSent(_) => ("not_sent", None),
        Outcome::Unknown(_) => ("in_doubt", None),
    }
}

fn report(session: &Session, relay: &str, message_id: &str, outcome: &Outcome) -> Exit {
    let (word, _) = in_short(outcome);
    let said = match outcome {
        Outcome::Accepted(reply) | Outcome::Refused(_, reply) => Text::same(reply.to_string()),
        Outcome::NotSent(fault) | Outcome::Unknown(fault) => fault.text(),
    };
    let Text { ja, en } = &said;
    session.tell(&say!(ja: "{relay}: {word} ({ja})", en: "{relay}: {word} ({en})"));
    session.answer(&json!({ "relay": relay, "outcome": word, "reply": en, "message_id": message_id }));
    if word == "accepted" { Exit::Done } else { Exit::Failed }
}
