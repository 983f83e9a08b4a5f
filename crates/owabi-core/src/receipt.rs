//! From a piece of evidence to what it makes of a delivery. Pure: evidence and standing in, event out.

use crate::bounce::{Class, Report};
use crate::lifecycle::{Event, Status};
use crate::maillog::LogEvent;
use serde::{Deserialize, Serialize};

/// What one piece of evidence says about one mail. The words are those of `receipts.says` and of `member show --json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// It is in the recipient's mailbox.
    Delivered,
    /// Another host took it and sends no receipts (RFC 3464 `relayed`, smtp(8) `status=sent`).
    Relayed,
    /// It failed, and nothing more will come of it.
    Failed,
    /// A server goes on trying.
    Delayed,
    /// The relay has it in its queue.
    Taken,
}

impl Says {
    /// All words.
    pub const ALL: [Self; 5] = [Self::Delivered, Self::Relayed, Self::Failed, Self::Delayed, Self::Taken];

    /// The word in the database and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Taken => "taken",
        }
    }

    fn of_class(class: Class, is_final: bool, relayed: bool) -> Self {
        match (class, is_final, relayed) {
            (Class::Delivered, _, true) => Self::Relayed,
            (Class::Delivered, _, false) => Self::Delivered,
            (Class::Temporary, false, _) => Self::Delayed,
            (Class::Permanent, ..) | (Class::Temporary, true, _) => Self::Failed,
        }
    }
}

impl From<&Report> for Says {
    fn from(report: &Report) -> Self {
        Self::of_class(report.class, report.is_final, report.relayed)
    }
}

impl From<LogEvent> for Says {
    fn from(event: LogEvent) -> Self {
        match event {
            LogEvent::Taken => Self::Taken,
            LogEvent::Delivery { class, is_final, relayed } => Self::of_class(class, is_final, relayed),
        }
    }
}

/// Where a delivery stands, as far as evidence must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The row's status.
    pub status: Status,
    /// Mails of this round whose body may have left.
    pub left: usize,
    /// Those of them whose reply was lost.
    pub lost: usize,
}

/// What evidence makes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The row is being sent: its own outcome comes first.
    Wait,
    /// Kept; the status stays.
    Nothing,
    /// This happens to the row.
    Becomes(Event),
}

/// What `says` makes of a delivery that stands so. `relayed_counts`: whether "another host took it" counts as delivered.
///
/// A mail in doubt is known to be with the relay as soon as anything at all is said of it. The same holds for one that waits
/// to be sent again, or was given up, after a lost reply; whoever is known to have been told is not told again.
pub fn effect(says: Says, at: Standing, relayed_counts: bool) -> Effect {
    let delivered = says == Says::Delivered || (says == Says::Relayed && relayed_counts);
    let (found, lost) = (at.left > 0, at.lost > 0);
    match at.status {
        Status::Sending => Effect::Wait,
        Status::Held | Status::Unreachable => Effect::Nothing,
        _ if delivered && found => Effect::Becomes(Event::ReceiptDelivered),
        Status::Failed | Status::Withdrawn if says == Says::Failed => Effect::Nothing,
        Status::Accepted | Status::Delivered | Status::Bounced if says == Says::Failed && found => {
            Effect::Becomes(Event::ReceiptFailed)
        }
        Status::Accepted | Status::Delivered | Status::Bounced => Effect::Nothing,
        Status::InDoubt | Status::Queued if lost && says == Says::Failed => Effect::Becomes(Event::ReceiptFailed),
        Status::InDoubt | Status::Queued | Status::Failed | Status::Withdrawn if lost => {
            Effect::Becomes(Event::ConfirmAccepted)
        }
        Status::InDoubt | Status::Queued | Status::Failed | Status::Withdrawn => Effect::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Effect::{Becomes, Nothing, Wait};
    use Event::{ConfirmAccepted, ReceiptDelivered, ReceiptFailed};

    /// Rows: statuses after one mail whose reply was lost; columns: delivered, failed, delayed, taken.
    const AFTER_A_LOST_REPLY: [(Status, [Effect; 4]); 10] = [
        (Status::Held, [Nothing; 4]),
        (Status::Queued, told(ReceiptFailed)),
        (Status::Sending, [Wait; 4]),
        (Status::Accepted, [Becomes(ReceiptDelivered), Becomes(ReceiptFailed), Nothing, Nothing]),
        (Status::Delivered, [Becomes(ReceiptDelivered), Becomes(ReceiptFailed), Nothing, Nothing]),
        (Status::InDoubt, told(ReceiptFailed)),
        (Status::Failed, [Becomes(ReceiptDelivered), Nothing, Becomes(ConfirmAccepted), Becomes(ConfirmAccepted)]),
        (Status::Bounced, [Becomes(ReceiptDelivered), Becomes(ReceiptFailed), Nothing, Nothing]),
        (Status::Unreachable, [Nothing; 4]),
        (Status::Withdrawn, [Becomes(ReceiptDelivered), Nothing, Becomes(ConfirmAccepted), Becomes(ConfirmAccepted)]),
    ];

    const fn told(failed: Event) -> [Effect; 4] {
        [Becomes(ReceiptDelivered), Becomes(failed), Becomes(ConfirmAccepted), Becomes(ConfirmAccepted)]
    }

    #[test]
    fn every_status_and_every_word_has_exactly_the_effect_of_the_table_and_none_is_impossible() {
        assert_eq!(AFTER_A_LOST_REPLY.len(), Status::ALL.len());
        for (status, effects) in AFTER_A_LOST_REPLY {
            let at = Standing { status, left: 1, lost: 1 };
            let words = [Says::Delivered, Says::Failed, Says::Delayed, Says::Taken];
            for (says, wanted) in words.into_iter().zip(effects) {
                let got = effect(says, at, true);
                assert_eq!(got, wanted, "{status} x {says:?}");
                if let Becomes(event) = got {
                    assert!(status.after(event).is_ok(), "{status} x {event:?}");
                }
            }
        }
    }

    #[test]
    fn what_the_relay_refused_in_so_many_words_is_tried_again_whatever_a_failure_notice_says() {
        for says in [Says::Failed, Says::Delayed, Says::Taken] {
            assert_eq!(effect(says, Standing { status: Status::Queued, left: 1, lost: 0 }, true), Nothing);
        }
    }

    #[test]
    fn whoever_is_known_to_have_the_mail_is_never_sent_another() {
        for status in [Status::Queued, Status::Failed, Status::Withdrawn, Status::InDoubt] {
            assert_eq!(effect(Says::Delivered, Standing { status, left: 1, lost: 0 }, true), Becomes(ReceiptDelivered));
        }
    }

    #[test]
    fn nothing_happens_to_a_member_to_whom_nothing_was_sent() {
        for (status, says) in Status::ALL.into_iter().flat_map(|status| Says::ALL.map(|says| (status, says))) {
            let got = effect(says, Standing { status, left: 0, lost: 0 }, true);
            assert_eq!(got, if status == Status::Sending { Wait } else { Nothing }, "{status} x {says:?}");
        }
    }

    #[test]
    fn behind_a_smarthost_being_handed_on_proves_only_that_the_relay_had_it() {
        let at = |status| Standing { status, left: 1, lost: 1 };
        assert_eq!(effect(Says::Relayed, at(Status::Accepted), true), Becomes(ReceiptDelivered));
        assert_eq!(effect(Says::Relayed, at(Status::Accepted), false), Nothing);
        assert_eq!(effect(Says::Relayed, at(Status::InDoubt), false), Becomes(ConfirmAccepted));
    }
}
