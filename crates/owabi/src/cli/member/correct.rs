//! `member correct`: a member's address is corrected, with who, why and what it was.

use super::one::one;
use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::cli::status::label;
use owabi_core::address::{Address, Lang, Parsed};
use owabi_core::lifecycle::Status;
use owabi_core::people::Action;
use owabi_store::{Correction, NoticeRow};
use serde_json::json;

/// The options of `member correct`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi member correct 10001 --email taro@example.jp --reason '本人からの電話(11/30)'
  owabi member correct 10001 --email taro@example.jp --reason '…' --notice metaps-2022 --yes
  owabi resend --notice metaps-2022 --member 10001 --reason 'アドレスの訂正'     then sends to it

The old address, who corrected it and why stay on record. Nothing is sent by itself. Before a release the correction
changes the roster: look at it again with preflight and approve anew.
訂正しただけでは送信されません。送るには `owabi resend --member` を実行してください。")]
pub(super) struct Options {
    /// The member's number  会員番号
    #[arg(value_name = "NO")]
    member_no: String,
    /// The right address  正しいアドレス
    #[arg(long, value_name = "A")]
    email: String,
    /// Why, or from whom it is known  理由
    #[arg(long, value_parser = crate::cli::reason)]
    reason: String,
    /// The notice, for a member of several
    #[arg(long, value_name = "ID")]
    notice: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Look, change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let Parsed { address, changes, warnings } = parsed(&options.email)?;
    let config = session.config()?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Correct).await?.name;
    let (notice, _, standing) =
        one(session, &store, ("member correct", &options.member_no), options.notice.as_deref()).await?;
    crate::cli::pause::refuse_purged(&store, &notice.id).await?;
    let (no, status, old) = (&standing.member_no, standing.status, standing.email.as_deref());
    let new = address.as_str();
    refuse(status, old, new)?;
    for change in changes {
        let (ja, en) = (change.text(Lang::Ja), change.text(Lang::En));
        session.warn(&say!(ja: "整えました: {ja}", en: "tidied: {en}"));
    }
    let warned: Vec<String> = warnings.iter().map(|warning| warning.text(session.lang())).collect();
    for warning in &warnings {
        let (ja, en) = (warning.text(Lang::Ja), warning.text(Lang::En));
        session.warn(&say!(ja: "ご確認ください: {ja}", en: "look at it: {en}"));
    }
    let shown = old.unwrap_or("-");
    let id = &notice.id;
    let is = label(status);
    session.tell(&say!(
        ja: "{no}(「{id}」、{is}): {shown} → {new}",
        en: "{no} ({id}, {status}): {shown} -> {new}"
    ));
    let next = next(status, &notice, no);
    let document = |corrected| json!({ "member": no, "notice": notice.id, "status": status.as_str(), "old_email": old, "email": new, "warnings": warned, "corrected": corrected, "dry_run": options.dry_run });
    if options.dry_run {
        session.tell(&next);
        session.answer(&document(false));
        return Ok(Exit::Done);
    }
    session.confirm(options.yes, &say!(ja: "アドレスを訂正しますか? [yes/no]", en: "correct the address? [yes/no]"))?;
    let reason = options.reason.as_str();
    let correction = Correction { member_id: standing.id, old, new, reason, actor: &actor };
    if !store.correct(&correction, session.now()).await? {
        return Err(just_changed());
    }
    store.close().await;
    session.tell(&say!(ja: "訂正しました。", en: "corrected"));
    session.tell(&next);
    session.answer(&document(true));
    Ok(Exit::Done)
}

/// The address as rosters are read; one that no mail can ever reach is refused.
fn parsed(email: &str) -> Result<Parsed, Failure> {
    let parsed = Address::parse(email).map_err(|problem| {
        let (ja, en) = (problem.text(Lang::Ja), problem.text(Lang::En));
        Failure::new(Exit::BadData, say!(ja: "このアドレスは使えません: {ja}", en: "the address cannot be used: {en}"))
    })?;
    let domain = parsed.address.domain();
    if !is_reachable(domain) {
        return Err(Failure::new(
            Exit::BadData,
            say!(ja: "ドメイン {domain} にはメールが届きません。", en: "no mail can reach the domain {domain}"),
        ));
    }
    Ok(parsed)
}

/// A domain that mail from outside may reach: with a dot, and not of a top that is reserved for elsewhere (RFC 6761, RFC 6762).
fn is_reachable(domain: &str) -> bool {
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.starts_with('[')
        || (domain.contains('.')
            && !matches!(top, "invalid" | "localhost" | "local" | "localdomain" | "internal" | "lan" | "onion")
            && !top.bytes().all(|byte| byte.is_ascii_digit()))
}

fn refuse(status: Status, old: Option<&str>, new: &str) -> Result<(), Failure> {
    if old == Some(new) {
        return Err(Failure::new(
            Exit::Failed,
            say!(ja: "登録されているアドレスと同じです。", en: "that is the address as it stands"),
        ));
    }
    if status == Status::Sending { Err(just_changed()) } else { Ok(()) }
}

fn just_changed() -> Failure {
    Failure::new(
        Exit::TryAgain,
        say!(
            ja: "この会員へはいま送信中か、アドレスがいま変わりました。少し待って、もう一度実行してください。何も変更していません。",
            en: "a mail to this member is just being sent, or the address has just changed: try again; nothing was changed"
        ),
    )
}

/// What comes of it.
fn next(status: Status, notice: &NoticeRow, no: &str) -> Text {
    let id = &notice.id;
    match status {
        Status::Held => say!(
            ja: "名簿が変わるので、これまでの点検と承認は無効になります。`owabi preflight --notice {id}` からやり直してください。",
            en: "the roster changes with it: preflight and approvals do not count any more; begin again with `owabi preflight --notice {id}`"
        ),
        Status::Queued => say!(ja: "次の送信から、このアドレスに送ります。", en: "the next mail goes to this address"),
        Status::Accepted | Status::Delivered => say!(
            ja: "受付済みのため、訂正だけでは何も送りません。送り直すには `owabi resend --notice {id} --member {no} --include-delivered --reason …` を実行します。",
            en: "nothing is sent by itself: the mail to the old address was accepted; `owabi resend --notice {id} --member {no} --include-delivered --reason …` sends it once more"
        ),
        Status::InDoubt => say!(
            ja: "届いたかどうか分からない人です。`owabi resolve {no} --as resend --reason …` で、このアドレスに送り直せます。",
            en: "it is in doubt: `owabi resolve {no} --as resend --reason …` sends it to this address"
        ),
        Status::Withdrawn => say!(
            ja: "取り下げた会員なので、訂正だけでは送りません。解禁していた人は `owabi resend --notice {id} --member {no} --status withdrawn --reason …`、一度も解禁していない人は、名簿を `owabi import --take-in-withdrawn` で取り込みます。",
            en: "the member was withdrawn: nothing is sent by itself; `owabi resend --notice {id} --member {no} --status withdrawn --reason …` sends if the member was released, else a roster with `owabi import --take-in-withdrawn` holds the member again"
        ),
        _ => say!(
            ja: "訂正だけでは送りません。`owabi resend --notice {id} --member {no} --reason …` で送ります。",
            en: "nothing is sent by itself: `owabi resend --notice {id} --member {no} --reason …`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_that_no_mail_can_reach_is_refused() {
        for domain in ["example.jp", "xn--r8jz45g.jp", "[192.0.2.1]", "docomo.ne.jp"] {
            assert!(is_reachable(domain), "{domain}");
        }
        for domain in ["localhost", "example", "mail.local", "a.invalid", "10.0.0.1", "pc.lan"] {
            assert!(!is_reachable(domain), "{domain}");
        }
    }
}
