//! From what became of one attempt to what becomes of the delivery. Pure: outcome in, transition out.

use crate::classify::{Meaning, meaning};
use crate::lifecycle::{Event, Impossible, Status};
use crate::outcome::{Outcome, Phase};
use crate::reply::Reply;
use crate::retry::{NextTry, RetryPolicy};

/// So many replies may be lost before no further one is followed by another copy.
pub const DOUBTS: i64 = 3;

/// What the rules need to know of the attempt beside its outcome. Times are epoch milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The time of settling.
    pub now: i64,
    /// When the row was queued; the deadline counts from here.
    pub queued_at: i64,
    /// Attempts used before this one.
    pub used: i64,
    /// Retry limits.
    pub retry: &'a RetryPolicy,
    /// How long an in-doubt mail waits for evidence before it is sent again; `None`: a person decides.
    pub resend_after_ms: Option<i64>,
    /// Earlier tries whose reply was lost, too. Connections that failed and crashes of our own are none.
    pub doubts: i64,
    /// The address was sent quoted and has another, unquoted form that was not tried yet (carrier-legacy).
    pub other_form_left: bool,
    /// Other domains refuse too, or nobody accepted yet: a policy refusal is then not this member's.
    pub sender_suspect: bool,
    /// The notice was stopped, and the mail did not leave for that reason.
    pub called_back: bool,
    /// When a relay's own fault kept the mail here: when to try again.
    pub relay_due_at: i64,
    /// Uniform in `[0, 1)`.
    pub jitter: f64,
}

/// The word for what became of one attempt, as stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// The relay took responsibility.
    Accepted,
    /// Put off; tried again later.
    Deferred,
    /// Refused for good, or given up.
    Failed,
    /// The dot may be out, no reply is known.
    InDoubt,
    /// Never left this machine; the attempt is not used.
    NotSent,
}

impl Word {
    /// The word of `attempts.outcome` and of `log --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::NotSent => "not_sent",
        }
    }
}

/// What is written in one guarded statement: the attempt's word and the row's new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// What became of the attempt.
    pub word: Word,
    /// What happens to the row; [`Settlement::status`] is what it leads to.
    pub event: Event,
    /// When the row is due again; `None` for final states and for `hold`.
    pub due_at: Option<i64>,
    /// The attempt counts against the member's limit.
    pub spent: bool,
    /// Why, in one word; `None` when accepted.
    pub reason: Option<&'static str>,
    /// The next attempt uses the address's other form.
    pub use_other_form: bool,
}

impl Settlement {
    /// The row's new status. Every settlement starts from `sending`.
    ///
    /// # Errors
    /// Never for the settlements that this module makes; see the test.
    pub fn status(&self) -> Result<Status, Impossible> {
        Status::Sending.after(self.event)
    }

    fn accepted() -> Self {
        Self {
            word: Word::Accepted,
            event: Event::Accept,
            due_at: None,
            spent: true,
            reason: None,
            use_other_form: false,
        }
    }

    fn failed(reason: &'static str) -> Self {
        let event = Event::GiveUp;
        Self { word: Word::Failed, event, due_at: None, spent: true, reason: Some(reason), use_other_form: false }
    }

    fn in_doubt(due_at: Option<i64>) -> Self {
        let event = Event::LoseReply;
        Self { word: Word::InDoubt, event, due_at, spent: false, reason: Some("in_doubt"), use_other_form: false }
    }

    fn not_sent(due_at: i64, reason: &'static str) -> Self {
        let (word, event, due_at) = (Word::NotSent, Event::GiveBack, Some(due_at));
        Self { word, event, due_at, spent: false, reason: Some(reason), use_other_form: false }
    }

    fn deferred(due_at: i64, reason: &'static str) -> Self {
        let (word, event, due_at) = (Word::Deferred, Event::TryLater, Some(due_at));
        Self { word, event, due_at, spent: true, reason: Some(reason), use_other_form: false }
    }

    /// Refused by the relay for a reason that is not the member's: back in the queue, attempt unspent.
    fn put_back(due_at: i64, reason: &'static str) -> Self {
        Self { word: Word::Deferred, ..Self::not_sent(due_at, reason) }
    }
}

/// What `outcome` makes of the delivery.
pub fn settle(outcome: &Outcome, at: &Circumstances<'_>) -> Settlement {
    match outcome {
        Outcome::Accepted(_) => Settlement::accepted(),
        Outcome::Unknown(_) => Settlement::in_doubt(doubt_ends(at)),
        Outcome::NotSent(_) if at.called_back => unspent(at, "paused", Settlement::not_sent),
        Outcome::NotSent(_) => unspent(at, "relay_fault", Settlement::not_sent),
        Outcome::Refused(phase, reply) => refused(*phase, reply, at),
    }
}

/// When a lost reply is followed by a further sending. A relay that loses every reply may deliver every copy: after
/// [`DOUBTS`] such attempts, or the deadline, a person decides.
fn doubt_ends(at: &Circumstances<'_>) -> Option<i64> {
    let wait = at.resend_after_ms.filter(|_| at.doubts < DOUBTS)?;
    let again = at.now.saturating_add(wait);
    (again <= at.queued_at.saturating_add(at.retry.deadline_ms)).then_some(again)
}

fn refused(phase: Phase, reply: &Reply, at: &Circumstances<'_>) -> Settlement {
    let meaning = meaning(phase, reply);
    match meaning {
        _ if meaning.is_ours() => unspent(at, meaning.as_str(), Settlement::put_back),
        Meaning::Policy if at.sender_suspect => unspent(at, meaning.as_str(), Settlement::put_back),
        Meaning::TryLater => later(at, meaning.as_str()),
        Meaning::MailboxFull if reply.class() == 4 => later(at, meaning.as_str()),
        Meaning::BadAddress if at.other_form_left => {
            Settlement { use_other_form: true, ..Settlement::deferred(at.now, "other_form") }
        }
        _ => Settlement::failed(meaning.as_str()),
    }
}

fn later(at: &Circumstances<'_>, reason: &'static str) -> Settlement {
    match at.retry.next_try(at.used + 1, at.queued_at, at.now, at.jitter) {
        NextTry::At(due_at) => Settlement::deferred(due_at, reason),
        NextTry::AttemptsSpent => Settlement::failed("attempts_spent"),
        NextTry::DeadlineSpent => Settlement::failed("deadline_spent"),
    }
}

/// The relay's fault costs no attempt, but the deadline still ends it.
fn unspent(at: &Circumstances<'_>, reason: &'static str, back: fn(i64, &'static str) -> Settlement) -> Settlement {
    if at.now > at.queued_at.saturating_add(at.retry.deadline_ms) {
        return Settlement { spent: false, ..Settlement::failed("deadline_spent") };
    }
    back(at.relay_due_at.max(at.now), reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Fault, FaultKind};
    use crate::text::Text;

    const POLICY: RetryPolicy = RetryPolicy { first_ms: 1_000, max_ms: 8_000, attempts: 3, deadline_ms: 100_000 };

    fn at() -> Circumstances<'static> {
        Circumstances {
            now: 50_000,
            queued_at: 10_000,
            used: 0,
            retry: &POLICY,
            resend_after_ms: Some(3_600),
            doubts: 0,
            other_form_left: false,
            sender_suspect: false,
            called_back: false,
            relay_due_at: 60_000,
            jitter: 0.0,
        }
    }

    fn refusal(code: u16, text: &str) -> Outcome {
        Outcome::Refused(Phase::Rcpt, Reply::new(code, text))
    }

    fn fault() -> Fault {
        Fault { phase: Phase::Dot, kind: FaultKind::Connection, reply: None, detail: Text::same("reset") }
    }

    #[test]
    fn every_settlement_is_a_possible_transition_out_of_sending() {
        let outcomes = [
            Outcome::Accepted(Reply::new(250, "")),
            refusal(450, "4.2.0"),
            refusal(550, "5.1.1"),
            refusal(550, "5.7.1"),
            refusal(530, "auth"),
            Outcome::NotSent(fault()),
            Outcome::Unknown(fault()),
        ];
        for outcome in outcomes {
            for used in [0, 5] {
                for now in [50_000, 500_000] {
                    assert!(settle(&outcome, &Circumstances { now, used, ..at() }).status().is_ok());
                }
            }
        }
    }

    #[test]
    fn the_relays_own_fault_never_costs_an_attempt() {
        for outcome in
            [Outcome::NotSent(fault()), refusal(530, "auth"), refusal(452, "4.3.1 storage"), refusal(503, "")]
        {
            let settlement = settle(&outcome, &at());
            assert_eq!((settlement.spent, settlement.due_at), (false, Some(60_000)), "{outcome:?}");
            assert_eq!(settlement.status(), Ok(Status::Queued));
        }
    }

    #[test]
    fn a_mail_that_a_pause_called_back_is_no_fault_of_the_relay_and_costs_no_attempt() {
        let settlement = settle(&Outcome::NotSent(fault()), &Circumstances { called_back: true, ..at() });
        assert_eq!((settlement.word, settlement.reason, settlement.spent), (Word::NotSent, Some("paused"), false));
        assert_eq!(settlement.status(), Ok(Status::Queued));
    }

    #[test]
    fn a_lost_reply_waits_for_evidence_or_for_a_person() {
        let settlement = settle(&Outcome::Unknown(fault()), &at());
        assert_eq!((settlement.status(), settlement.due_at), (Ok(Status::InDoubt), Some(53_600)));
        let fourth = settle(&Outcome::Unknown(fault()), &Circumstances { doubts: DOUBTS, ..at() });
        assert_eq!(fourth.due_at, None, "a relay that loses every reply may have delivered every copy");
        let late = settle(&Outcome::Unknown(fault()), &Circumstances { now: 109_000, ..at() });
        assert_eq!(late.due_at, None, "the deadline ends the copies, too");
        let hold = settle(&Outcome::Unknown(fault()), &Circumstances { resend_after_ms: None, ..at() });
        assert_eq!((hold.status(), hold.due_at), (Ok(Status::InDoubt), None));
    }

    #[test]
    fn a_refused_quoted_carrier_address_is_tried_once_in_its_other_form() {
        let first = settle(&refusal(550, "5.1.1"), &Circumstances { other_form_left: true, ..at() });
        assert!(first.use_other_form && first.status() == Ok(Status::Queued));
        let second = settle(&refusal(550, "5.1.1"), &at());
        assert_eq!((second.status(), second.reason), (Ok(Status::Failed), Some("bad_address")));
    }

    #[test]
    fn a_policy_refusal_is_the_members_only_while_others_are_accepted() {
        assert_eq!(settle(&refusal(550, "5.7.1 no"), &at()).reason, Some("policy"));
        assert_eq!(settle(&refusal(550, "5.7.1 no"), &at()).status(), Ok(Status::Failed));
        let suspect = settle(&refusal(550, "5.7.1 no"), &Circumstances { sender_suspect: true, ..at() });
        assert_eq!((suspect.status(), suspect.spent), (Ok(Status::Queued), false));
    }

    #[test]
    fn temporary_refusals_end_with_the_attempts_or_the_deadline() {
        let last = settle(&refusal(450, "4.2.0"), &Circumstances { used: 2, ..at() });
        assert_eq!((last.status(), last.reason), (Ok(Status::Failed), Some("attempts_spent")));
        let late = settle(&refusal(450, "4.2.0"), &Circumstances { now: 109_999, ..at() });
        assert_eq!(late.reason, Some("deadline_spent"));
        let relay = settle(&Outcome::NotSent(fault()), &Circumstances { now: 111_000, ..at() });
        assert_eq!((relay.reason, relay.spent), (Some("deadline_spent"), false));
    }

    #[test]
    fn a_full_mailbox_is_no_bad_address() {
        assert_eq!(settle(&refusal(552, "5.2.2"), &at()).reason, Some("mailbox_full"));
        assert_eq!(settle(&refusal(452, "4.2.2"), &at()).status(), Ok(Status::Queued));
    }
}
