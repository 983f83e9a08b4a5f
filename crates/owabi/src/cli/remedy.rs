//! What can be done for a member whom mail did not reach. Who is owed a notice gets it by letter, unless mail may still do.

use super::say::{Text, say};
use owabi_core::lifecycle::Status;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Remedy {
    /// Mail cannot reach this member.
    Letter,
    /// Nothing is wrong with the address: another mail may arrive later.
    Later,
    /// Something of ours is refused or wrong, and a letter each would not be the answer.
    Look,
    /// The address was corrected: it waits for a resend.
    Resend,
    /// It may have arrived: a person decides.
    Decide,
}

impl Remedy {
    /// The remedy for a member who stands so.
    pub(super) fn of(status: Status, reason: Option<&str>) -> Self {
        if status == Status::InDoubt {
            return Self::Decide;
        }
        let reason = reason.filter(|_| status != Status::Unreachable).unwrap_or_default();
        // `render_failed` and `unreadable_row` go on with what was wrong.
        match reason.split(':').next().unwrap_or_default() {
            "mailbox_full" | "expired" | "remote" | "try_later" | "attempts_spent" | "deadline_spent" => Self::Later,
            "policy" | "too_large" | "message_too_big" | "sender_refused" | "relay_not_allowed" | "throttled"
            | "protocol" | "relay_fault" | "render_failed" | "unreadable_row" => Self::Look,
            _ => Self::Letter,
        }
    }

    /// The word in `--json` and CSV.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Letter => "letter",
            Self::Later => "later",
            Self::Look => "look",
            Self::Resend => "resend",
            Self::Decide => "decide",
        }
    }

    /// For people; `reason` is the member's.
    pub(super) fn text(self, reason: Option<&str>) -> Text {
        match (self, reason.unwrap_or_default()) {
            (Self::Letter, _) => say!(ja: "書面で知らせる", en: "a letter"),
            (Self::Later, _) => say!(ja: "後日あらためて送る", en: "send again later"),
            (Self::Look, "policy" | "sender_refused" | "relay_not_allowed") => {
                say!(ja: "先に差出人側の設定を確かめる", en: "look at the sender first")
            }
            (Self::Look, _) => say!(ja: "先に原因を確かめる", en: "look at the cause first"),
            (Self::Resend, _) => say!(ja: "訂正したアドレスに再送する", en: "send to the corrected address"),
            (Self::Decide, _) => say!(ja: "担当者が判断する", en: "a person decides"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use owabi_core::bounce::Reason;

    #[test]
    fn a_letter_is_for_whom_mail_cannot_reach_and_a_full_mailbox_or_a_policy_is_no_bad_address() {
        use Remedy::{Decide, Later, Letter, Look};
        use Status::{Bounced, Failed, InDoubt, Unreachable};
        for (status, reason, remedy) in [
            (Unreachable, Some("blank"), Letter),
            (Unreachable, Some("policy"), Letter),
            (Unreachable, None, Letter),
            (Failed, Some("bad_address"), Letter),
            (Failed, Some("refused"), Letter),
            (Failed, Some("needs_smtputf8"), Letter),
            (Failed, Some("mailbox_full"), Later),
            (Failed, Some("attempts_spent"), Later),
            (Failed, Some("deadline_spent"), Later),
            (Failed, Some("policy"), Look),
            (Failed, Some("render_failed: no helper"), Look),
            (Failed, Some("unreadable_row: column payments"), Look),
            (Failed, Some("a person's own words"), Letter),
            (Failed, None, Letter),
            (Bounced, None, Letter),
            (InDoubt, Some("in_doubt"), Decide),
        ] {
            assert_eq!(Remedy::of(status, reason), remedy, "{status} {reason:?}");
        }
    }

    #[test]
    fn every_reason_of_a_bounce_has_a_remedy_that_fits_it() {
        let of = |reason: Reason| Remedy::of(Status::Bounced, Some(reason.as_str()));
        for reason in [Reason::BadAddress, Reason::Other] {
            assert_eq!(of(reason), Remedy::Letter);
        }
        for reason in [Reason::MailboxFull, Reason::Expired, Reason::Remote] {
            assert_eq!(of(reason), Remedy::Later);
        }
        for reason in [Reason::Policy, Reason::TooLarge] {
            assert_eq!(of(reason), Remedy::Look);
        }
    }
}
