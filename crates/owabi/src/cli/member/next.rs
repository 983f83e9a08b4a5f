//! What happens next with one member, by itself or through a person. Pure.

use crate::cli::remedy::Remedy;
use crate::cli::say::{Text, say};
use crate::japan;
use owabi_core::lifecycle::Status;

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for the release.
    Release,
    /// Its notice is paused.
    Resume,
    /// It is sent when it is due.
    Due(Option<i64>),
    /// It is being sent.
    UnderWay,
    /// The relay has it: a bounce or a receipt may come.
    Receipt,
    /// Evidence is waited for until then.
    Evidence(i64),
    /// Its notice was withdrawn: only evidence can settle it.
    EvidenceAlone,
    /// Something else than a mail was done for the member.
    ToldOtherwise,
    /// Something to be done.
    Remedy(Remedy),
    /// Nothing.
    Nothing,
}

impl Next {
    /// For a row that stands so, in a notice in `state`.
    pub(super) fn of(status: Status, due_at: Option<i64>, reason: Option<&str>, state: &str) -> Self {
        match (status, state, due_at) {
            (Status::Held, ..) => Self::Release,
            (Status::Queued, "paused", _) => Self::Resume,
            (Status::Queued, ..) => Self::Due(due_at),
            (Status::Sending, ..) => Self::UnderWay,
            (Status::Accepted, ..) => Self::Receipt,
            (Status::InDoubt, "withdrawn", _) => Self::EvidenceAlone,
            (Status::InDoubt, _, Some(due_at)) => Self::Evidence(due_at),
            (Status::InDoubt, _, None) | (Status::Failed | Status::Bounced | Status::Unreachable, ..) => {
                Self::Remedy(Remedy::of(status, reason))
            }
            (Status::Delivered | Status::Withdrawn, ..) => Self::Nothing,
        }
    }

    /// The same for a member whose address was corrected since, or for whom something else was done.
    pub(super) fn after(self, corrected: bool, told_otherwise: bool) -> Self {
        match self {
            Self::Remedy(Remedy::Decide) => self,
            Self::Remedy(_) if told_otherwise => Self::ToldOtherwise,
            Self::Remedy(_) if corrected => Self::Remedy(Remedy::Resend),
            other => other,
        }
    }

    /// The word in `--json`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Resume => "resume",
            Self::Due(_) => "due",
            Self::UnderWay => "under_way",
            Self::Receipt => "receipt",
            Self::Evidence(_) => "evidence",
            Self::EvidenceAlone => "evidence_alone",
            Self::ToldOtherwise => "told_otherwise",
            Self::Remedy(remedy) => remedy.as_str(),
            Self::Nothing => "nothing",
        }
    }

    /// For people; nothing when nothing more is to come. `reason` is the member's.
    pub(super) fn text(self, reason: Option<&str>) -> Option<Text> {
        Some(match self {
            Self::Release => say!(ja: "解禁を待っています", en: "it waits for the release"),
            Self::Resume => {
                say!(ja: "お知らせが一時停止中です。再開後に送ります", en: "the notice is paused; it is sent after `owabi resume`")
            }
            Self::Due(at) => {
                let at = at.map(japan::short).unwrap_or_default();
                say!(ja: "{at} 以降に送ります", en: "it is sent from {at} on")
            }
            Self::UnderWay => say!(ja: "送信中です", en: "it is being sent"),
            Self::Receipt => say!(
                ja: "配達や不達の知らせが届けば記録します",
                en: "a receipt or a bounce is recorded when it comes"
            ),
            Self::Evidence(until) => {
                let until = japan::short(until);
                say!(
                    ja: "{until} まで証拠を待ち、なければ、重複の可能性の印を付けて送り直します",
                    en: "evidence is waited for until {until}; without any it is then sent again, flagged as a possible duplicate"
                )
            }
            Self::EvidenceAlone => say!(
                ja: "お知らせは取り下げられたので、送り直しません。担当者が判断します(`owabi resolve`)。証拠が届けば記録します",
                en: "the notice was withdrawn: it is not sent again, and a person decides (`owabi resolve`); evidence is recorded when it comes"
            ),
            Self::Remedy(Remedy::Decide) => say!(
                ja: "届いたかどうか分かりません。送り直すか書面にするかは、担当者が判断します。証拠が届けば記録します",
                en: "it may have arrived, and is not sent again by itself: a person decides; evidence is recorded when it comes"
            ),
            Self::ToldOtherwise => say!(ja: "ほかの方法で対応済みです", en: "it was done in another way"),
            Self::Remedy(remedy) => remedy.text(reason),
            Self::Nothing => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use owabi_core::address::Lang;

    #[test]
    fn what_happens_next_follows_from_status_due_time_and_the_notices_state() {
        for (status, due_at, state, next) in [
            (Status::Held, None, "draft", Next::Release),
            (Status::Queued, Some(5), "released", Next::Due(Some(5))),
            (Status::Queued, Some(5), "paused", Next::Resume),
            (Status::Sending, Some(5), "released", Next::UnderWay),
            (Status::Accepted, None, "released", Next::Receipt),
            (Status::Delivered, None, "released", Next::Nothing),
            (Status::InDoubt, Some(5), "released", Next::Evidence(5)),
            (Status::InDoubt, Some(5), "withdrawn", Next::EvidenceAlone),
            (Status::InDoubt, None, "released", Next::Remedy(Remedy::Decide)),
            (Status::Failed, None, "released", Next::Remedy(Remedy::Later)),
            (Status::Bounced, None, "released", Next::Remedy(Remedy::Later)),
            (Status::Unreachable, None, "draft", Next::Remedy(Remedy::Letter)),
            (Status::Withdrawn, None, "withdrawn", Next::Nothing),
        ] {
            assert_eq!(Next::of(status, due_at, Some("mailbox_full"), state), next, "{status} {state}");
            let said = next.text(None).is_some_and(|text| !text.of(Lang::Ja).is_empty());
            assert_eq!(said, next != Next::Nothing);
        }
    }

    #[test]
    fn a_corrected_member_waits_for_a_resend_and_one_who_was_told_otherwise_for_nothing() {
        let letter = Next::Remedy(Remedy::Letter);
        assert_eq!(letter.after(false, false), letter);
        assert_eq!(letter.after(true, false), Next::Remedy(Remedy::Resend));
        assert_eq!(letter.after(true, true), Next::ToldOtherwise);
        let decide = Next::Remedy(Remedy::Decide);
        for next in [decide, Next::Receipt, Next::Due(Some(5))] {
            assert_eq!(next.after(true, true), next);
        }
    }
}
