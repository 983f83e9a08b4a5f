//! One mail under way, and the replies that are due to it.

use crate::envelope::Parcel;
use owabi_core::outcome::{Fault, FaultKind, Outcome, Phase};
use owabi_core::reply::Reply;
use owabi_core::text::Text;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Mail {
    pub(super) key: u64,
    pub(super) parcel: Parcel,
    pub(super) permit: Permit,
    pub(super) stage: Stage,
    pub(super) refusal: Option<(Phase, Reply)>,
    pub(super) envelope_end: u64,
    pub(super) last_octet: Option<u64>,
    pub(super) since: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    Asked,
    /// Its last octet may leave before this time of the steady clock, not after.
    Granted {
        until: Duration,
    },
    Denied {
        why: &'static str,
    },
}

/// How far the writing of a mail has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    MailSaid,
    RcptSaid,
    DataSaid,
    /// The relay said 354; the body may follow once it is permitted.
    Ready,
    BodySaid,
}

/// A reply that is due, in the order of the commands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) what: Due,
    pub(super) key: u64,
    /// Where in the output the command ends.
    pub(super) end: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Rset,
    Mail,
    Rcpt,
    Data,
    Dot,
    /// The reply to the lone dot that follows a 354 without an accepted recipient.
    EmptyDot,
    Fence,
}

impl Due {
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::Rset | Self::Mail => Phase::Mail,
            Self::Rcpt => Phase::Rcpt,
            Self::Data => Phase::Data,
            Self::Dot | Self::EmptyDot => Phase::Dot,
            Self::Fence => Phase::Ehlo,
        }
    }
}

impl Mail {
    pub(super) fn new(key: u64, parcel: Parcel) -> Self {
        Self {
            key,
            parcel,
            permit: Permit::Asked,
            stage: Stage::Waiting,
            refusal: None,
            envelope_end: 0,
            last_octet: None,
            since: None,
        }
    }

    pub(super) fn is_granted(&self) -> bool {
        matches!(self.permit, Permit::Granted { .. })
    }

    /// Why it may never leave, if it may not.
    pub(super) fn denial(&self) -> Option<Fault> {
        let Permit::Denied { why } = self.permit else { return None };
        Some(Fault { phase: Phase::Data, kind: FaultKind::Local, reply: None, detail: Text::same(why) })
    }

    /// Whether its permit is over at `now` while octets of it behind the first `gone` may still be held here.
    pub(super) fn is_late(&self, now: Duration, gone: u64) -> bool {
        let over = matches!(self.permit, Permit::Granted { until } if until <= now);
        over && self.last_octet.is_none_or(|end| end > gone)
    }

    /// What became of a mail whose connection is gone. A relay out of step (`broken`) makes earlier replies worthless.
    pub(super) fn lost(&self, fault: &Fault, written: u64, broken: bool) -> Outcome {
        match &self.refusal {
            Some((_, reply)) if !broken && reply.code == 421 => Outcome::NotSent(fault.clone()),
            Some((phase, reply)) if !broken => Outcome::Refused(*phase, reply.clone()),
            _ if self.last_octet.is_some_and(|end| end <= written) => Outcome::Unknown(fault.clone()),
            _ => Outcome::NotSent(fault.clone()),
        }
    }
}
