//! The life of one delivery: every status, every event, and nothing else. Pure; the table test covers every pair.
//!
//! "Deferred" is no status of its own: it is `queued` with a later `due_at`. In `sending`, `due_at` is the end of the lease.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where one delivery stands. The words are those of the queue table, the CLI and the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Imported, not released.
    Held,
    /// Released; to be sent when `due_at` comes.
    Queued,
    /// Claimed by a worker under a lease.
    Sending,
    /// The relay took responsibility. Not proof that it was delivered, nor read.
    Accepted,
    /// There is evidence of delivery to the mailbox.
    Delivered,
    /// Refused for good, or attempts or deadline spent.
    Failed,
    /// Accepted once, then reported as failed.
    Bounced,
    /// The final dot may be out and no reply is known.
    InDoubt,
    /// No usable address: to be told by letter.
    Unreachable,
    /// Taken out by an operator.
    Withdrawn,
}

impl Status {
    /// All statuses, in the order in which screens list them.
    pub const ALL: [Self; 10] = [
        Self::Held,
        Self::Queued,
        Self::Sending,
        Self::Accepted,
        Self::Delivered,
        Self::InDoubt,
        Self::Failed,
        Self::Bounced,
        Self::Unreachable,
        Self::Withdrawn,
    ];

    /// The word in the database, on the command line and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Bounced => "bounced",
            Self::InDoubt => "in_doubt",
            Self::Unreachable => "unreachable",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Final: nothing more happens by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Held | Self::Queued | Self::Sending | Self::InDoubt)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no status word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no status; the statuses are {list}", list = Status::ALL.map(Status::as_str).join(", "))]
pub struct UnknownStatus(pub String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        let same = |status: &Self| status.as_str() == word.to_ascii_lowercase().replace('-', "_");
        Self::ALL.into_iter().find(same).ok_or_else(|| UnknownStatus(word.to_owned()))
    }
}

/// What can happen to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The approved notice is released.
    Release,
    /// An operator takes the member out; of claimed rows only those without an intent: their bodies cannot have left.
    Withdraw,
    /// A roster that is imported again takes in whoever was taken out before any release; approval and release come after it.
    TakeIn,
    /// A worker claims the row that is due.
    Claim,
    /// The lease ended, and no intent is recorded: the body cannot have left.
    LeaseEnded,
    /// The lease ended, and the intent is recorded: the body may have left.
    LeaseEndedWithIntent,
    /// The worker gives the row back unsent (shutdown, relay down, pacing).
    GiveBack,
    /// 2xx to the final dot.
    Accept,
    /// Try again at a later time.
    TryLater,
    /// Refused for good, or the last attempt or the deadline is spent.
    GiveUp,
    /// The dot may be out and no reply came.
    LoseReply,
    /// In doubt, and the notice's policy says to send again (flagged), or a person says so.
    SendAgain,
    /// Evidence, or a person, says that the relay has the mail.
    ConfirmAccepted,
    /// A receipt proves delivery.
    ReceiptDelivered,
    /// A receipt proves failure.
    ReceiptFailed,
    /// A resend batch that selects the row by its status.
    Resend,
    /// A resend that asks for told members by name.
    ResendByName,
    /// A person settles the delivery otherwise (a letter); whoever mail did not reach stays so.
    CloseByHand,
}

impl Event {
    /// All events, for the table test.
    pub const ALL: [Self; 18] = [
        Self::Release,
        Self::Withdraw,
        Self::TakeIn,
        Self::Claim,
        Self::LeaseEnded,
        Self::LeaseEndedWithIntent,
        Self::GiveBack,
        Self::Accept,
        Self::TryLater,
        Self::GiveUp,
        Self::LoseReply,
        Self::SendAgain,
        Self::ConfirmAccepted,
        Self::ReceiptDelivered,
        Self::ReceiptFailed,
        Self::Resend,
        Self::ResendByName,
        Self::CloseByHand,
    ];
}

/// The event cannot happen in this status; nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is not possible for a delivery that is {status}")]
pub struct Impossible {
    /// Where the delivery stands.
    pub status: Status,
    /// What was asked.
    pub event: Event,
}

impl Status {
    /// The status after `event`.
    ///
    /// # Errors
    /// [`Impossible`] when the event cannot happen in this status.
    pub fn after(self, event: Event) -> Result<Self, Impossible> {
        use Event as E;
        use Status as S;
        let next = match (self, event) {
            (S::Held, E::Release) | (S::Sending, E::GiveBack | E::TryLater) | (S::InDoubt, E::SendAgain) => S::Queued,
            (S::Queued, E::Claim) | (S::Sending, E::LeaseEnded) => S::Sending,
            (S::Sending, E::Accept) | (S::InDoubt, E::ConfirmAccepted) => S::Accepted,
            (S::Sending, E::GiveUp) | (S::InDoubt, E::CloseByHand) => S::Failed,
            (S::Failed | S::Bounced | S::Unreachable, E::CloseByHand) => self,
            (S::Sending, E::LoseReply | E::LeaseEndedWithIntent) => S::InDoubt,
            (S::Held | S::Queued | S::Sending, E::Withdraw) => S::Withdrawn,
            // Of those who were never released: nothing of theirs was ever due.
            (S::Withdrawn, E::TakeIn) => S::Held,
            // The mail of an earlier, lost reply turns up while the row waits for another, or was given up.
            (S::Queued | S::Failed | S::Withdrawn, E::ConfirmAccepted) => S::Accepted,
            (S::Accepted | S::InDoubt | S::Delivered | S::Queued | S::Failed | S::Withdrawn, E::ReceiptDelivered) => {
                S::Delivered
            }
            (S::Bounced, E::ReceiptDelivered) => S::Bounced,
            (S::Accepted | S::Delivered | S::InDoubt | S::Bounced | S::Queued, E::ReceiptFailed) => S::Bounced,
            (S::Failed | S::Bounced | S::Unreachable | S::Withdrawn, E::Resend | E::ResendByName) => S::Queued,
            (S::Accepted | S::Delivered, E::ResendByName) => S::Queued,
            (status, event) => return Err(Impossible { status, event }),
        };
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: statuses; columns: what each possible event leads to. All pairs not named are impossible.
    const TABLE: &[(Status, &[(Event, Status)])] = &[
        (Status::Held, &[(Event::Release, Status::Queued), (Event::Withdraw, Status::Withdrawn)]),
        (
            Status::Queued,
            &[
                (Event::Claim, Status::Sending),
                (Event::Withdraw, Status::Withdrawn),
                (Event::ConfirmAccepted, Status::Accepted),
                (Event::ReceiptDelivered, Status::Delivered),
                (Event::ReceiptFailed, Status::Bounced),
            ],
        ),
        (
            Status::Sending,
            &[
                (Event::Withdraw, Status::Withdrawn),
                (Event::LeaseEnded, Status::Sending),
                (Event::LeaseEndedWithIntent, Status::InDoubt),
                (Event::GiveBack, Status::Queued),
                (Event::Accept, Status::Accepted),
                (Event::TryLater, Status::Queued),
                (Event::GiveUp, Status::Failed),
                (Event::LoseReply, Status::InDoubt),
            ],
        ),
        (
            Status::Accepted,
            &[
                (Event::ReceiptDelivered, Status::Delivered),
                (Event::ReceiptFailed, Status::Bounced),
                (Event::ResendByName, Status::Queued),
            ],
        ),
        (
            Status::Delivered,
            &[
                (Event::ReceiptDelivered, Status::Delivered),
                (Event::ReceiptFailed, Status::Bounced),
                (Event::ResendByName, Status::Queued),
            ],
        ),
        (
            Status::Failed,
            &[
                (Event::ConfirmAccepted, Status::Accepted),
                (Event::ReceiptDelivered, Status::Delivered),
                (Event::Resend, Status::Queued),
                (Event::ResendByName, Status::Queued),
                (Event::CloseByHand, Status::Failed),
            ],
        ),
        (
            Status::Bounced,
            &[
                (Event::ReceiptDelivered, Status::Bounced),
                (Event::ReceiptFailed, Status::Bounced),
                (Event::Resend, Status::Queued),
                (Event::ResendByName, Status::Queued),
                (Event::CloseByHand, Status::Bounced),
            ],
        ),
        (
            Status::InDoubt,
            &[
                (Event::SendAgain, Status::Queued),
                (Event::ConfirmAccepted, Status::Accepted),
                (Event::ReceiptDelivered, Status::Delivered),
                (Event::ReceiptFailed, Status::Bounced),
                (Event::CloseByHand, Status::Failed),
            ],
        ),
        (
            Status::Unreachable,
            &[
                (Event::Resend, Status::Queued),
                (Event::ResendByName, Status::Queued),
                (Event::CloseByHand, Status::Unreachable),
            ],
        ),
        (
            Status::Withdrawn,
            &[
                (Event::TakeIn, Status::Held),
                (Event::ConfirmAccepted, Status::Accepted),
                (Event::ReceiptDelivered, Status::Delivered),
                (Event::Resend, Status::Queued),
                (Event::ResendByName, Status::Queued),
            ],
        ),
    ];

    #[test]
    fn every_status_and_every_event_has_exactly_the_outcome_of_the_table() {
        assert_eq!(TABLE.len(), Status::ALL.len());
        for status in Status::ALL {
            let row = TABLE.iter().find(|row| row.0 == status).unwrap().1;
            for event in Event::ALL {
                let wanted = row.iter().find(|cell| cell.0 == event).map(|cell| cell.1);
                assert_eq!(status.after(event).ok(), wanted, "{status} x {event:?}");
            }
        }
    }

    #[test]
    fn a_mail_whose_dot_may_be_out_is_never_requeued_silently() {
        for status in Status::ALL {
            for lost in [Event::LoseReply, Event::LeaseEndedWithIntent] {
                assert!(!matches!(status.after(lost), Ok(Status::Queued | Status::Sending)));
            }
        }
    }

    #[test]
    fn a_told_member_is_told_again_only_when_asked_for_by_name() {
        for told in [Status::Accepted, Status::Delivered] {
            assert!(told.after(Event::Resend).is_err());
            assert_eq!(told.after(Event::ResendByName), Ok(Status::Queued));
        }
    }

    #[test]
    fn status_words_read_back_as_themselves() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("read".parse::<Status>().unwrap_err().to_string().contains("in_doubt"));
    }
}
