//! `preview`: the exact mail of one member.

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::{Session, notice};
use crate::keys;
use crate::preflight::Mailer;
use owabi_core::address::Address;
use owabi_core::ids::Subject;
use owabi_core::member::Member;
use owabi_core::people::Action;
use owabi_core::render::{RenderError, Renderer, Stamp};
use owabi_store::{MemberRow, Store};
use serde_json::json;
use std::path::{Path, PathBuf};

/// In the place of an address that a member does not have.
const EXAMPLE: &str = "member@example.jp";

/// The options of `preview`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi preview --notice metaps-2022                          a made-up member
  owabi preview --notice metaps-2022 --member 10003 --out /tmp/preview")]
pub(super) struct Options {
    /// The notice's id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// The member's number; a made-up member when absent
    #[arg(long, value_name = "NO")]
    member: Option<String>,
    /// Write the mail as .eml, .txt and .html into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let notice = notice(&config, &options.notice)?;
    let store = session.store_to_read(&config).await?;
    session.person(&store, Action::Preview).await?;
    let keys = keys::load(&config, &store).await?;
    let renderer = &notice.renderer;
    let row = row(session, &store, renderer, options).await?;
    let mailer = Mailer::new(&config, &keys);
    let message_id = mailer.message_id(Subject { notice_id: &options.notice, member_id: row.id, round: row.round });
    let known = usable(row.member.email.as_deref());
    let to = known.clone().unwrap_or_else(|| EXAMPLE.to_owned());
    let stamp = Stamp { to: &to, message_id: &message_id, dated_at_ms: session.now() };
    let problem = |error: RenderError| {
        let next = say!(ja: "お知らせとテンプレート、または名簿を直してください。", en: "correct the notice, its template or the roster");
        Failure::with(Exit::BadData, not_fit(&error), next)
    };
    let letter = renderer.letter(&row.member).map_err(problem)?;
    let mail = renderer.mail(&row.member, &stamp).map_err(problem)?;
    let files = match &options.out {
        Some(folder) => write(
            folder,
            &row.member.member_no,
            &[("eml", &mail.bytes), ("txt", letter.text.as_bytes()), ("html", letter.html.as_bytes())],
        )?,
        None => Vec::new(),
    };
    let (head, text) = (head(&mail.bytes), &letter.text);
    let subject = &letter.subject;
    let reachable = options.member.is_none() || known.is_some();
    if !reachable {
        session.warn(&letter_instead(&row.member.member_no));
    }
    session.tell(&say!(ja: "{head}\n件名: {subject}\n\n{text}", en: "{head}\nSubject: {subject}\n\n{text}"));
    session.answer(
        &json!({ "subject": subject, "text": text, "headers": head, "bytes": mail.bytes.len(), "files": files, "reachable": reachable }),
    );
    store.close().await;
    Ok(Exit::Done)
}

/// What `preview` and `test-send` say of a letter that may not leave.
pub(super) fn not_fit(error: &RenderError) -> Text {
    let Text { ja, en } = error.text();
    say!(ja: "この文面は送れません: {ja}", en: "this letter cannot be sent: {en}")
}

/// The member who is named; that they are looked at, or looked for, is in the ledger first.
async fn row(session: &Session, store: &Store, renderer: &Renderer, options: &Options) -> Result<MemberRow, Failure> {
    let id = &options.notice;
    let Some(no) = &options.member else {
        let member = sample(renderer);
        let status = owabi_core::lifecycle::Status::Held;
        return Ok(MemberRow { id: 0, member, status, round: 1, unreadable: None });
    };
    let found = store.member(id, no).await?;
    let (filter, rows) = (json!({ "notice": id, "member": no }), i64::from(found.is_some()));
    match &options.out {
        Some(_) if found.is_some() => session.export(store, "preview", &filter, rows).await?,
        _ => session.look(store, "preview", &filter, rows).await?,
    }
    found.ok_or_else(|| {
        let what = say!(ja: "「{id}」に会員 {no} はいません。", en: "{id} has no member {no}");
        Failure::with(
            Exit::Failed,
            what,
            say!(ja: "`owabi log --member {no}` で探せます。", en: "look for them with `owabi log --member {no}`"),
        )
    })
}

/// The made-up member who takes the most branches.
pub(super) fn sample(renderer: &Renderer) -> Member {
    renderer.samples().last().cloned().unwrap_or_default()
}

/// The address as the To header has it, when mail can be sent to it.
fn usable(email: Option<&str>) -> Option<String> {
    let known = email.and_then(|email| Address::from_stored(email).ok()).filter(|address| !address.needs_smtputf8());
    known.map(|address| address.envelope())
}

/// Nobody should take the example for the member's address.
fn letter_instead(no: &str) -> Text {
    say!(
        ja: "会員 {no} には使えるメールアドレスがなく、メールは送られません。書面などで知らせる方です。宛先(To)の {EXAMPLE} は例です。",
        en: "member {no} has no usable address and gets no mail, but a letter; {EXAMPLE} in To is an example"
    )
}

fn head(mail: &[u8]) -> String {
    let text = String::from_utf8_lossy(mail);
    text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n", "\n")
}

fn write(folder: &Path, no: &str, parts: &[(&str, &[u8])]) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(folder)?;
    let safe: String = no.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let mut files = Vec::new();
    for (end, bytes) in parts {
        let file = folder.join(format!("{safe}.{end}"));
        std::fs::write(&file, bytes)?;
        files.push(file);
    }
    Ok(files)
}
