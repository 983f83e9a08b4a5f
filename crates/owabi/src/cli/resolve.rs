//! `resolve`: a person decides about one member.

use super::exit::{Answer, Exit, Failure};
use super::member::one;
use super::pause::state_label;
use super::say::{Text, say};
use super::session::Session;
use super::status::label;
use owabi_core::ids::hex;
use owabi_core::lifecycle::{Event, Status};
use owabi_core::people::Action;
use owabi_core::receipt::Says;
use owabi_store::{MemberStanding, NewReceipt, NoticeRow, Resolution};
use serde_json::json;
use sha2::{Digest, Sha256};

/// The options of `resolve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi resolve 10001 --as accepted --reason '本人が受け取ったと電話で確認'
  owabi resolve 10001 --as resend --reason '届いていないとの連絡'
  owabi resolve 10001 --as letter --reason '三度とも返事が失われたため書面にする'

  accepted   the relay, or the member, has the mail
  resend     it is sent again, flagged as a possible duplicate
  letter     no further mail: a letter is owed, and `unreachable` lists it (also for failed, bounced, unreachable)

The decision stands in the record of the member as a receipt by a person.
結果不明の人について、担当者の判断を記録します。")]
pub(super) struct Options {
    /// The member's number  会員番号
    #[arg(value_name = "NO")]
    member_no: String,
    /// What is decided  どうするか
    #[arg(long = "as", value_enum)]
    decision: Decision,
    /// Why  理由
    #[arg(long, value_parser = super::reason)]
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

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Decision {
    Accepted,
    Resend,
    Letter,
}

impl Decision {
    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Resend => "resend",
            Self::Letter => "letter",
        }
    }

    /// The event of the lifecycle that this is.
    fn event(self) -> Event {
        match self {
            Self::Accepted => Event::ConfirmAccepted,
            Self::Resend => Event::SendAgain,
            Self::Letter => Event::CloseByHand,
        }
    }

    /// What the person says of the mail.
    fn says(self) -> Says {
        match self {
            Self::Accepted => Says::Taken,
            Self::Resend | Self::Letter => Says::Failed,
        }
    }

    /// The receipt's reason.
    fn why(self) -> Option<&'static str> {
        match self {
            Self::Accepted => None,
            Self::Resend => Some("send_again"),
            Self::Letter => Some("letter_owed"),
        }
    }

    /// The status after it. Only a doubt is decided; a letter is owed also to those whom mail did not reach.
    fn after(self, before: Status) -> Option<Status> {
        before.after(self.event()).ok().filter(|_| before == Status::InDoubt || self == Self::Letter)
    }
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Resolve).await?.name;
    let (notice, _, standing) =
        one(session, &store, ("resolve", &options.member_no), options.notice.as_deref()).await?;
    let after = decided(options.decision, &standing, &notice)?;
    let (no, before, id) = (&standing.member_no, standing.status, &notice.id);
    let (was, is) = (label(before), label(after));
    session.tell(&say!(ja: "{no}(「{id}」): {was} → {is}", en: "{no} ({id}): {before} -> {after}"));
    session.tell(&outcome(options.decision));
    let document = |recorded: bool| {
        let (word, dry_run) = (options.decision.as_str(), options.dry_run);
        json!({ "member": no, "notice": id, "as": word, "was": before.as_str(), "status": after.as_str(), "recorded": recorded, "dry_run": dry_run })
    };
    if options.dry_run {
        session.answer(&document(false));
        return Ok(Exit::Done);
    }
    session.confirm(options.yes, &say!(ja: "記録しますか? [yes/no]", en: "record it? [yes/no]"))?;
    let now = session.now();
    let resolution = resolution(options, (&standing, after), id, (&actor, now));
    if !store.resolve(&resolution, now).await? {
        let what = say!(
            ja: "この会員の状況がいま変わりました。`owabi member show {no}` で確かめてください。何も記録していません。",
            en: "the member's status has just changed: look at `owabi member show {no}`; nothing was recorded"
        );
        return Err(Failure::new(Exit::TryAgain, what));
    }
    store.close().await;
    session.tell(&say!(ja: "記録しました。", en: "recorded"));
    session.answer(&document(true));
    Ok(Exit::Done)
}

/// The status after the decision, or why it cannot be made.
fn decided(decision: Decision, standing: &MemberStanding, notice: &NoticeRow) -> Result<Status, Failure> {
    let (no, status, id) = (&standing.member_no, standing.status, &notice.id);
    let after = decision.after(status).ok_or_else(|| {
        let next = if decision == Decision::Resend && status.after(Event::ResendByName).is_ok() {
            say!(ja: "`owabi resend --notice {id} --member {no} --reason …` を使ってください。", en: "use `owabi resend --notice {id} --member {no} --reason …`")
        } else {
            say!(ja: "`owabi member show {no}` で確かめてください。", en: "look at `owabi member show {no}`")
        };
        let (word, is) = (decision.as_str(), label(status));
        Failure::with(
            Exit::Failed,
            say!(ja: "会員 {no} の状況は「{is}」なので、--as {word} では決められません。", en: "member {no} is {status}: {word} cannot be decided"),
            next,
        )
    })?;
    if decision == Decision::Resend && !matches!(notice.state.as_str(), "released" | "paused") {
        let Text { ja, en } = state_label(&notice.state);
        return Err(Failure::new(
            Exit::Failed,
            say!(ja: "「{id}」は{ja}なので、送り直せません。", en: "{id} is {en}: nothing of it is sent again"),
        ));
    }
    Ok(after)
}

fn outcome(decision: Decision) -> Text {
    match decision {
        Decision::Accepted => {
            say!(ja: "届いている(中継サーバーが受け付けた)ものとして扱います。", en: "it counts as accepted")
        }
        Decision::Resend => say!(
            ja: "重複の可能性の印を付けて、もう一度送ります。",
            en: "it is sent again, flagged as a possible duplicate"
        ),
        Decision::Letter => say!(
            ja: "メールはもう送らず、書面が必要な人の一覧(`owabi unreachable`)に載せます。",
            en: "no further mail is sent; `owabi unreachable` lists it for a letter"
        ),
    }
}

fn resolution<'a>(
    options: &Options,
    (standing, after): (&'a MemberStanding, Status),
    notice_id: &'a str,
    (actor, now): (&'a str, i64),
) -> Resolution<'a> {
    let decision = options.decision;
    let sends = decision == Decision::Resend;
    // Whom the roster gives no address keeps the roster's reason.
    let reason = match decision {
        Decision::Accepted => Some("evidence"),
        Decision::Resend => Some("send_again"),
        Decision::Letter if after == Status::Unreachable => standing.reason.as_deref(),
        Decision::Letter => Some("letter_owed"),
    };
    let number = standing.sent.last().map(|mail| mail.number);
    let mut hash = Sha256::new();
    hash.update(format!("owabi resolve {notice_id} {} {:?} {} {now}", standing.id, number, decision.as_str()));
    let receipt = NewReceipt {
        member_id: standing.id,
        round: Some(standing.round),
        number,
        reported_at: None,
        source: "person".to_owned(),
        evidence: hex(&hash.finalize()),
        part: standing.id,
        matched_by: "person",
        says: decision.says().as_str(),
        recipient: None,
        status: None,
        reason: decision.why().map(str::to_owned),
        detail: Some(options.reason.clone()),
        queue_id: None,
        change: (standing.status, after),
    };
    Resolution {
        receipt,
        fence: standing.fence,
        reason,
        due_at: sends.then_some(now),
        possible_duplicate: sends,
        word: decision.as_str(),
        notice_id,
        actor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_is_decided_three_ways_and_a_letter_is_owed_also_to_whom_mail_did_not_reach() {
        use Decision::{Accepted, Letter, Resend};
        for status in Status::ALL {
            let wanted = match status {
                Status::InDoubt => [Some(Status::Accepted), Some(Status::Queued), Some(Status::Failed)],
                Status::Failed | Status::Bounced | Status::Unreachable => [None, None, Some(status)],
                _ => [None; 3],
            };
            assert_eq!([Accepted, Resend, Letter].map(|decision| decision.after(status)), wanted, "{status}");
        }
    }
}
