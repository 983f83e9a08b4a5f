//! `member show`: everything that is known of one person.

use super::person::Person;
use super::story;
use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::log::plain;
use crate::cli::pause::known_state;
use crate::cli::reason;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::cli::status::label;
use crate::japan;
use crate::library::Library;
use crate::quiet::Silence;
use owabi_core::people::Action;
use owabi_store::{NoticeRow, Store};
use serde_json::json;

/// The options of `member show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi member show 10001
  owabi --json member show 10001 --notice metaps-2022 | jq .receipts

A number that is in several notices is shown in all of them. With --json they are then listed
under `members`; with one alone, member, attempts, receipts, resends, corrections and substitutes stand at the top.
\"no bounce by\" means that none came while the bounce mailbox was looked at, not delivered.
複数のお知らせにいる人は、すべて表示します。「不達の知らせなし」は、届いたという意味ではありません。")]
pub(super) struct Options {
    /// The member's number  会員番号
    #[arg(value_name = "NO")]
    member_no: String,
    /// Only in this notice
    #[arg(long, value_name = "ID")]
    notice: Option<String>,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let store = session.store_to_read(&config).await?;
    session.person(&store, Action::Look).await?;
    let silence = Silence::of(&store.sources().await?, config.receipts.quiet);
    let mut people = read((session, &store), options, silence).await?;
    let library = Library::load(&config);
    for person in &mut people {
        let notice = library.get(&person.notice.id).ok();
        let window = notice.and_then(|notice| notice.renderer.definition().policy.window);
        person.hours = window.map(|window| (window, session.now()));
    }
    let rows = i64::try_from(people.len()).unwrap_or(i64::MAX);
    let filter = json!({ "notice": options.notice, "member": options.member_no });
    session.look(&store, "member show", &filter, rows).await?;
    store.close().await;
    for (place, person) in people.iter().enumerate() {
        if place > 0 {
            session.tell(&Text::same(""));
        }
        tell(session, person);
    }
    match &people[..] {
        [] => return Err(nobody(&options.member_no)),
        [person] => session.answer(&person.document()?),
        several => {
            let members = several.iter().map(Person::document).collect::<Result<Vec<_>, _>>()?;
            session.answer(&json!({ "members": members }));
        }
    }
    Ok(Exit::Done)
}

async fn read(
    (session, store): (&Session, &Store),
    options: &Options,
    silence: Option<Silence>,
) -> Result<Vec<Person>, Failure> {
    let mut notices = store.notices().await?;
    if let Some(id) = &options.notice {
        notices.retain(|notice| notice.id == *id);
        known_state((session, store), notices.first().map(|notice| notice.state.clone()), id).await?;
    }
    let mut people = Vec::new();
    for notice in notices {
        if let Some(row) = store.member(&notice.id, &options.member_no).await? {
            people.extend(Person::read(store, &notice, row, silence).await?);
        }
    }
    Ok(people)
}

pub(super) fn nobody(member_no: &str) -> Failure {
    Failure::with(
        Exit::Failed,
        say!(ja: "会員番号 {member_no} の方は登録されていません。", en: "there is no member {member_no}"),
        say!(
            ja: "番号は `owabi log` に、お知らせは `owabi status` に一覧があります。",
            en: "`owabi log` lists the numbers, `owabi status` the notices"
        ),
    )
}

/// A mail server's words may hold what moves a terminal's cursor.
fn line(session: &Session, text: &Text) {
    let plain = |text: &str| text.chars().map(plain).collect();
    session.tell(&Text { ja: plain(&text.ja), en: plain(&text.en) });
}

fn tell(session: &Session, person: &Person) {
    line(session, &who(person));
    let NoticeRow { id, title, state, .. } = &person.notice;
    line(session, &say!(ja: "  お知らせ: {id}  {title}  [{state}]", en: "  notice: {id}  {title}  [{state}]"));
    line(session, &stands(person));
    if person.standing.possible_duplicate {
        line(
            session,
            &say!(ja: "  重複の可能性: 二度届いたかもしれません", en: "  possible duplicate: the mail may have been sent twice"),
        );
    }
    if let Some(Text { ja, en }) = person.next().text(person.standing.reason.as_deref()) {
        line(session, &say!(ja: "  この先: {ja}", en: "  next: {en}"));
    }
    if let Some(id) = person.message_id() {
        line(session, &say!(ja: "  Message-ID: <{id}>", en: "  Message-ID: <{id}>"));
    }
    for entry in story::lines(person) {
        line(session, &entry);
    }
}

fn who(person: &Person) -> Text {
    let (no, name) = (&person.standing.member_no, &person.name);
    let email = person.standing.email.as_deref();
    let given = person.given_email.as_deref().filter(|given| !given.is_empty() && Some(*given) != email);
    match (email, given) {
        (Some(email), None) => say!(ja: "{no}  {name}  {email}", en: "{no}  {name}  {email}"),
        (Some(email), Some(given)) => {
            say!(ja: "{no}  {name}  {email}  (名簿の記載: {given})", en: "{no}  {name}  {email}  (the roster says: {given})")
        }
        (None, Some(given)) => say!(
            ja: "{no}  {name}  使えるアドレスなし  (名簿の記載: {given})",
            en: "{no}  {name}  no usable address  (the roster says: {given})"
        ),
        (None, None) => say!(ja: "{no}  {name}  アドレスなし", en: "{no}  {name}  no address"),
    }
}

/// The status in words, since when, and why.
fn stands(person: &Person) -> Text {
    let status = person.standing.status;
    let word = match &person.no_bounce_by {
        Some(day) => say!(ja: "受付済み・{day}までに不達の知らせなし", en: "accepted, no bounce by {day}"),
        None => Text { ja: label(status).to_owned(), en: status.as_str().replace('_', " ") },
    };
    let since = person.since().map(japan::short);
    let (since_ja, since_en) = since.map(|at| (format!("、{at} から"), format!(", since {at}"))).unwrap_or_default();
    let why = person.standing.reason.as_deref().map(|word| (reason::words(word), word));
    let (why_ja, why_en) = why
        .map(|(text, word)| {
            let said = |text: &str| if text == word { format!(": {text}") } else { format!(": {text} [{word}]") };
            (said(&text.ja), said(&text.en))
        })
        .unwrap_or_default();
    let (ja, en) = (word.ja, word.en);
    say!(ja: "  状況: {ja}{since_ja}{why_ja}", en: "  status: {en}{since_en}{why_en}")
}
