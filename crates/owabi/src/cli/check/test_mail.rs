//! `check --connect --test-mail`: one mail to ourselves through each relay, and what became of it on the way: did it come to
//! where bounces come, and is it signed (DKIM) so that others can verify it.

mod signature;

use super::Found;
use super::seen::Seen;
use crate::cli::exit::{Exit, Failure};
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::clock;
use crate::config::Config;
use crate::keys;
use crate::library::Library;
use crate::outgoing::{Listed, Outgoing};
use crate::receipts::find::{self, Came};
use crate::sender::dns::Dns;
use owabi_core::ids::{CHECK, Keys, Subject, hex, message_id_domain};
use owabi_core::outcome::Outcome;
use owabi_core::people::Action;
use owabi_core::render::{PlainMail, plain_mail};
use owabi_smtp::envelope::Parcel;
use owabi_smtp::relay::Relay;
use owabi_store::Store;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

const AREA: &str = "test_mail";
/// Nobody else can take it over: longer than any step may take.
const NO_LEASE: Duration = Duration::from_hours(24);
/// How often the mailbox is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// How the test is done.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Whom to ask for keys; without one no signature is verified.
    pub(super) dns: Option<&'a Dns>,
    /// How long to wait for the mail.
    pub(super) wait: Duration,
}

/// Who sends, with what.
pub(super) struct Sender {
    store: Store,
    keys: Keys,
    actor: String,
}

/// What each mail needs.
struct Try<'a> {
    session: &'a Session,
    config: &'a Config,
    sender: &'a Sender,
}

/// Asks who is there, before anything is told.
pub(super) async fn sender(session: &Session, config: &Config) -> Result<Sender, Failure> {
    let store = session.store(config).await?;
    let actor = session.person(&store, Action::TestSend).await?.name;
    let keys = keys::load(config, &store).await?;
    Ok(Sender { store, keys, actor })
}

/// One mail.
struct Letter {
    from: String,
    to: Listed,
    message_id: String,
    token: String,
    octets: Vec<u8>,
    sent_at: i64,
}

pub(super) async fn check(
    session: &Session,
    (config, library): (&Config, &Library),
    (sender, relays): (&Sender, &[Relay]),
    wanted: &Wanted<'_>,
    found: &mut Found,
) -> Result<Vec<Value>, Failure> {
    if !find::is_possible(config) {
        let what = say!(
            ja: "試しのメールを送っていません。戻ってくる場所(receipts.maildir か receipts.imap)が設定されていません。",
            en: "no test mail was sent: there is no place to look for it (receipts.maildir or receipts.imap)"
        );
        found.problem(session, Exit::BadConfig, AREA, &what);
        return Ok(Vec::new());
    }
    let tries = Try { session, config, sender };
    let mut told = Vec::new();
    for relay in relays {
        for from in senders(library) {
            told.push(tries.one(relay, &from, wanted, found).await?);
        }
    }
    Ok(told)
}

/// One From address for each domain: signatures go by domains.
fn senders(library: &Library) -> Vec<String> {
    let addresses = library.notices.values().map(|notice| notice.renderer.definition().from.address.clone());
    let by_domain: BTreeMap<String, String> =
        addresses.filter_map(|address| Some((address.rsplit_once('@')?.1.to_ascii_lowercase(), address))).collect();
    by_domain.into_values().collect()
}

impl Try<'_> {
    async fn one(&self, relay: &Relay, from: &str, wanted: &Wanted<'_>, found: &mut Found) -> Result<Value, Failure> {
        let (name, session) = (&relay.name, self.session);
        session.tell(
            &say!(ja: "・ 試しのメール: {name} から、差出人 {from}", en: "- test mail through {name}, from {from}"),
        );
        let letter = self.letter(from)?;
        let outcome = self.send(relay, &letter).await?;
        let mut seen = vec![handed_over(&letter, &outcome)];
        let mut signatures = Vec::new();
        let arrived =
            if matches!(outcome, Outcome::Accepted(_)) { self.wait(&letter, wanted, &mut seen).await } else { None };
        if let Some(mail) = &arrived {
            signatures = signature::look(mail, from, wanted.dns, &mut seen).await;
        }
        for one in &seen {
            found.look(session, AREA, name, one);
        }
        Ok(json!({
            "relay": name,
            "from": from,
            "to": letter.to.address().as_str(),
            "message_id": letter.message_id,
            "outcome": word(&outcome).0,
            "arrived": arrived.is_some(),
            "signatures": signatures,
            "steps": seen.iter().map(|one| one.json(session)).collect::<Vec<_>>(),
        }))
    }

    fn letter(&self, from: &str) -> Result<Letter, Failure> {
        let sent_at = clock::now_ms();
        let subject = Subject { notice_id: CHECK, member_id: sent_at, round: 1 };
        let (token, bounce) = (self.sender.keys.verp_token(subject), &self.config.smtp.bounce);
        let message_id = format!("{}@{}", self.sender.keys.message_id(subject), message_id_domain(&bounce.address));
        let cannot = |why: String| {
            Failure::new(
                Exit::BadConfig,
                say!(ja: "試しのメールを作れません: {why}", en: "no test mail can be made: {why}"),
            )
        };
        let to = Listed::for_check(bounce, &token).ok_or_else(|| cannot("smtp.bounce.address".to_owned()))?;
        let address = to.address().envelope();
        let mail = PlainMail {
            from,
            to: &address,
            subject: "owabi check: test mail / 試験メール",
            body: "This is a test mail of \"owabi check\" to its own bounce address. It concerns nobody and needs no answer.\n\
                   これは owabi check が自分の不達通知用のアドレスに送った試験メールです。どなたにも関わりがなく、返信は要りません。\n",
            message_id: &message_id,
            dated_at_ms: sent_at,
        };
        let octets = plain_mail(&mail).map_err(|error| cannot(error.to_string()))?;
        Ok(Letter { from: from.to_owned(), to, message_id, token, octets, sent_at })
    }

    /// What the ledger does not take is not sent.
    async fn send(&self, relay: &Relay, letter: &Letter) -> Result<Outcome, Failure> {
        let mut body = json!({
            "purpose": "check",
            "to": letter.to.address().to_string(),
            "message_id": letter.message_id,
            "mail_sha256": hex(&Sha256::digest(&letter.octets)),
            "relay": relay.name,
            "outcome": "pending",
        });
        self.sender.store.append_ledger(letter.sent_at, &self.sender.actor, "test_send", None, &body).await?;
        let outcome = self.hand_over(relay, letter).await;
        let (word, code) = word(&outcome);
        body["outcome"] = json!(word);
        body["code"] = json!(code);
        self.sender.store.append_ledger(self.session.now(), &self.sender.actor, "test_send", None, &body).await?;
        Ok(outcome)
    }

    async fn hand_over(&self, relay: &Relay, letter: &Letter) -> Outcome {
        let connection = match Outgoing::open(relay).await {
            Ok(connection) => connection,
            Err(fault) => return Outcome::NotSent(fault),
        };
        let subject = Subject { notice_id: CHECK, member_id: letter.sent_at, round: 1 };
        let parcel = Parcel {
            id: 1,
            mail_from: owabi_core::ids::verp_address(&self.config.smtp.bounce.address, &letter.token),
            rcpt_to: String::new(),
            envid: self.sender.keys.envid(subject, 1),
            orcpt: None,
            notify_success: false,
            smtputf8: false,
            body: letter.octets.clone().into(),
        };
        connection.send_listed(&letter.to, parcel, Instant::now() + NO_LEASE).await
    }

    /// Looks until it is there. It is left where it is: the daemon knows it by its token.
    async fn wait(&self, letter: &Letter, wanted: &Wanted<'_>, seen: &mut Vec<Seen>) -> Option<Vec<u8>> {
        let since = Instant::now();
        let trouble = loop {
            let looked = find::find(self.config, &letter.message_id, letter.sent_at).await;
            match looked {
                Ok(Some(Came::Bounce(words))) => {
                    seen.push(bounced(letter, &words));
                    return None;
                }
                Ok(Some(Came::Itself(mail))) => {
                    let what = say!(ja: "受信箱に届きました", en: "it came to the mailbox of bounces");
                    seen.push(Seen::fine("arrival", what).in_time(since.elapsed()));
                    return Some(mail);
                }
                _ if since.elapsed() < wanted.wait => tokio::time::sleep(PAUSE).await,
                Ok(None) => break None,
                Err(why) => break Some(why),
            }
        };
        seen.push(missed(letter, wanted.wait, trouble));
        None
    }
}

fn bounced(letter: &Letter, words: &str) -> Seen {
    let to = letter.to.address().as_str();
    Seen::failed(
        "arrival",
        Exit::BadConfig,
        say!(
            ja: "{to} 宛てのメールは届かず、不達通知が返りました: {words}",
            en: "the mail to {to} did not arrive, it bounced: {words}"
        ),
        say!(
            ja: "不達通知の言葉を手がかりに、受信側の address+token(recipient_delimiter)と転送先、または中継サーバーを直してください。",
            en: "its words tell what to correct: address+token (recipient_delimiter) and the delivery at the receiving server, or the relay"
        ),
    )
}

fn missed(letter: &Letter, wait: Duration, trouble: Option<String>) -> Seen {
    let (to, seconds) = (letter.to.address().as_str(), wait.as_secs());
    let why = trouble.map(|why| format!(" ({why})")).unwrap_or_default();
    Seen::failed(
        "arrival",
        Exit::Unavailable,
        say!(
            ja: "{to} 宛てのメールが {seconds} 秒以内に受信箱に届きません{why}。",
            en: "the mail to {to} did not come to the mailbox within {seconds} s{why}"
        ),
        say!(
            ja: "届かなければ、不達通知も読めません。受信側の address+token(recipient_delimiter)と転送先、receipts の設定を確かめてください。遅いだけなら --wait を延ばします。",
            en: "then bounces do not come either: look at address+token (recipient_delimiter) and the delivery at the receiving server, and at receipts; if it is only slow, wait longer with --wait"
        ),
    )
}

fn handed_over(letter: &Letter, outcome: &Outcome) -> Seen {
    let (from, to) = (&letter.from, letter.to.address().as_str());
    let next = say!(
        ja: "上の中継サーバーの各段階を見てください。実際のメールも同じように扱われます。",
        en: "look at the steps of the relay above: real mails would fare the same"
    );
    match outcome {
        Outcome::Accepted(reply) => Seen::fine(
            "send",
            say!(
                ja: "一通を送りました: {from} から {to} へ({reply})",
                en: "one mail was sent, from {from} to {to}: {reply}"
            ),
        ),
        Outcome::Refused(_, reply) => Seen::failed(
            "send",
            Exit::BadConfig,
            say!(ja: "試しのメールが拒否されました: {reply}", en: "the test mail was refused: {reply}"),
            next,
        ),
        Outcome::NotSent(fault) | Outcome::Unknown(fault) => {
            let Text { ja, en } = fault.text();
            let what = say!(ja: "試しのメールを渡せません: {ja}", en: "the test mail could not be handed over: {en}");
            Seen::failed("send", Exit::Unavailable, what, next)
        }
    }
}

/// The outcome's word and the reply's code, as `test-send` has them.
fn word(outcome: &Outcome) -> (&'static str, Option<u16>) {
    match outcome {
        Outcome::Accepted(reply) => ("accepted", Some(reply.code)),
        Outcome::Refused(_, reply) => ("refused", Some(reply.code)),
        Outcome::NotSent(_) => ("not_sent", None),
        Outcome::Unknown(_) => ("in_doubt", None),
    }
}
