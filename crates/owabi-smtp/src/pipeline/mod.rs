//! Mails, permits and replies in; bytes and outcomes out. No I/O, no clock: the rules of the wire as a state machine.
//!
//! What it promises:
//! - Not one octet of a body is written before its permit, and none after the permit's end.
//! - Every mail that is pushed finishes exactly once.
//! - A mail is `Unknown` only if its last octet was taken by the socket and no reply to it is known.
//! - Replies settle a mail only as a whole group that lines up; a relay out of step ends the connection.
//!
//! After a 421 nothing more is written. The mail that it answers was not taken; of the mails behind it those whose last
//! octet is out are `Unknown` unless the relay still answers them: RFC 5321 lets it close without doing so.

mod answers;
mod mail;
mod writing;

use crate::capabilities::Capabilities;
use crate::dialogue::closed;
use crate::envelope::{self, Parcel};
use crate::relay::Relay;
use mail::{Mail, Permit, Slot, Stage};
use owabi_core::outcome::{Fault, FaultKind, Outcome, Phase};
use owabi_core::text::Text;
use std::collections::VecDeque;
use std::time::Duration;

/// Why a mail may not leave: its claim is lost, its lease too short, or its notice not to be sent.
const NOT_GRANTED: &str = "the intent to send was not granted";
/// Why a mail that was permitted and has not begun to leave may not leave any more: its notice was stopped.
const CALLED_BACK: &str = "the permit was called back before the mail had left";
/// Why a mail that was permitted may not leave any more.
const LEASE_OVER: &str = "the lease ended before the mail had left";

/// How mails follow one another, by what the relay offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// PIPELINING and CHUNKING: envelope and body of all permitted mails leave together.
    Bdat,
    /// PIPELINING: body and dot of one mail leave with MAIL, RCPT and DATA of the next (RFC 2920 section 3.1).
    Chained,
    /// One command at a time.
    Step,
}

/// A mail whose outcome is known as well as it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The parcel's number.
    pub id: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// From the last step written of it (its body, else its envelope) to the reply; zero when nothing was written.
    pub elapsed: Duration,
}

/// One connection's mails, from the first MAIL on.
pub struct Pipeline {
    mode: Mode,
    offers: Capabilities,
    helo: String,
    in_flight: usize,
    left: u32,
    mails: VecDeque<Mail>,
    slots: VecDeque<Slot>,
    next_key: u64,
    out: Vec<u8>,
    out_start: usize,
    written: u64,
    /// How much of what was written no layer of ours holds any more.
    gone: u64,
    replies: u64,
    settled: u64,
    refused_in_a_row: usize,
    dirty: bool,
    fence: Fence,
    held: Vec<Finished>,
    finished: Vec<Finished>,
    ending: Option<Fault>,
    closed: Option<Fault>,
}

/// A question whose answer cannot be mistaken for another: EHLO. It proves that replies still line up, when a relay took
/// a body (2xx to BDAT LAST) whose only recipient it had refused. Until it is answered no outcome is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fence {
    Down,
    Wanted,
    Sent,
}

impl std::fmt::Debug for Pipeline {
    /// Shows no octet of the output and no reply: both hold addresses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Pipeline");
        shown.field("mode", &self.mode).field("mails", &self.mails.len()).field("due", &self.slots.len());
        shown.finish_non_exhaustive()
    }
}

impl Pipeline {
    /// A pipeline for a connection whose EHLO was answered with `offers`.
    pub fn new(relay: &Relay, offers: Capabilities) -> Self {
        let mode = match (offers.pipelining, offers.chunking && relay.chunking) {
            (true, true) => Mode::Bdat,
            (true, false) => Mode::Chained,
            (false, _) => Mode::Step,
        };
        Self {
            mode,
            offers,
            helo: relay.helo.clone(),
            in_flight: relay.in_flight.clamp(1, 64),
            left: relay.messages_per_connection.max(1),
            mails: VecDeque::new(),
            slots: VecDeque::new(),
            next_key: 0,
            out: Vec::new(),
            out_start: 0,
            written: 0,
            gone: 0,
            replies: 0,
            settled: 0,
            refused_in_a_row: 0,
            dirty: false,
            fence: Fence::Down,
            held: Vec::new(),
            finished: Vec::new(),
            ending: None,
            closed: None,
        }
    }

    /// How mails follow one another here.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What the relay offered.
    pub fn offers(&self) -> &Capabilities {
        &self.offers
    }

    /// How many more mails may be pushed now: `in_flight` less the unfinished ones, and none once the connection is ending.
    pub fn room(&self) -> usize {
        if self.ending.is_some() || self.closed.is_some() {
            return 0;
        }
        let open = self.mails.len() + self.held.len();
        self.in_flight.saturating_sub(open).min(self.left as usize)
    }

    /// Whether the connection takes no more mails: its `messages_per_connection` are pushed, or it is ending.
    pub fn is_spent(&self) -> bool {
        self.left == 0 || self.ending.is_some() || self.closed.is_some()
    }

    /// Whether no mail is unfinished.
    pub fn is_idle(&self) -> bool {
        self.mails.is_empty() && self.held.is_empty() && self.slots.is_empty()
    }

    /// Why the connection is over, once it is.
    pub fn closed(&self) -> Option<&Fault> {
        self.closed.as_ref()
    }

    /// Takes a mail. Its envelope may be written at once; its body waits for [`Self::permit`].
    ///
    /// A mail that cannot be offered to this relay (SMTPUTF8 missing, an address no command may carry) finishes at once
    /// as `Refused` in our own words; one that is pushed to an ended connection finishes as `NotSent`.
    pub fn push(&mut self, parcel: Parcel) {
        self.left = self.left.saturating_sub(1);
        self.next_key += 1;
        let id = parcel.id;
        if let Some(fault) = self.closed.as_ref().or(self.ending.as_ref()) {
            let outcome = Outcome::NotSent(fault.clone());
            return self.finished.push(Finished { id, outcome, elapsed: Duration::ZERO });
        }
        if let Some((phase, reply)) = envelope::unspeakable(&parcel, &self.offers) {
            let outcome = Outcome::Refused(phase, reply);
            return self.finished.push(Finished { id, outcome, elapsed: Duration::ZERO });
        }
        self.mails.push_back(Mail::new(self.next_key, parcel));
        self.advance();
    }

    /// The mail's intent is durable: its body may leave before `until`, when its lease is as good as over. It is `now`,
    /// by the clock of [`Self::written`]; a permit that is over already is a denial. Unknown and finished numbers are
    /// ignored.
    pub fn permit(&mut self, id: u64, until: Duration, now: Duration) {
        if let Some(mail) = self.mails.iter_mut().find(|mail| mail.parcel.id == id && mail.permit == Permit::Asked) {
            mail.permit = Permit::Granted { until };
            self.deny_late(now);
            self.advance();
        }
    }

    /// The mail's intent was refused, or its permit is called back: none of its body may ever leave. It finishes as `NotSent(Local)`, or as `Refused`
    /// if the relay refused it first. If the relay already waits for the body, the connection ends.
    ///
    /// Has no effect on a mail whose body is already being written.
    pub fn deny(&mut self, id: u64) {
        let Some(at) = self.mails.iter().position(|mail| mail.parcel.id == id) else { return };
        if self.mails[at].stage != Stage::BodySaid {
            let why = if self.mails[at].is_granted() { CALLED_BACK } else { NOT_GRANTED };
            self.deny_at(at, why);
        }
        self.advance();
    }

    fn deny_at(&mut self, at: usize, why: &'static str) {
        let mail = &mut self.mails[at];
        mail.permit = Permit::Denied { why };
        let (stage, Some(fault)) = (mail.stage, mail.denial()) else { return };
        match stage {
            Stage::Waiting => self.finish(at, Outcome::NotSent(fault), Duration::ZERO),
            Stage::Ready => self.end(fault),
            _ => {}
        }
    }

    /// Denies the mails whose permits are over at `now` and whose bodies are not in the output yet.
    fn deny_late(&mut self, now: Duration) {
        let late =
            |it: &Self| it.mails.iter().position(|mail| mail.stage != Stage::BodySaid && mail.is_late(now, it.gone));
        while let Some(at) = late(self) {
            self.deny_at(at, LEASE_OVER);
        }
    }

    /// Ends what is not permitted any more at `now`: to be called right before any octet is handed on. True when it
    /// changed anything; then [`Self::pending`] has changed too.
    ///
    /// A mail whose body is not in the output is denied. When one is, the connection is over, whatever else it carries:
    /// none of the output leaves, and every mail finishes by what has left of it.
    pub fn expire(&mut self, now: Duration) -> bool {
        let late = |mail: &&Mail| mail.is_late(now, self.gone);
        if !self.mails.iter().any(|mail| late(&mail)) {
            return false;
        }
        if self.mails.iter().filter(late).any(|mail| mail.stage == Stage::BodySaid) {
            let detail = Text::same(LEASE_OVER);
            self.close(Fault { phase: self.phase(), kind: FaultKind::Local, reply: None, detail });
        } else {
            self.deny_late(now);
            self.advance();
        }
        true
    }

    /// The octets to write next.
    pub fn pending(&self) -> &[u8] {
        &self.out[self.out_start..]
    }

    /// The socket took the first `octets` of [`Self::pending`], at `now` (any steady clock).
    pub fn written(&mut self, octets: usize, now: Duration) {
        self.out_start += octets;
        self.written += octets as u64;
        if self.out_start == self.out.len() {
            self.out.clear();
            self.out_start = 0;
        }
        let before = self.written - octets as u64;
        let crossed = |mark: u64| before < mark && mark <= self.written;
        for mail in &mut self.mails {
            if crossed(mail.envelope_end) || mail.last_octet.is_some_and(crossed) {
                mail.since = Some(now);
            }
        }
    }

    /// Everything that was written so far is out of our hands: the system has it, no TLS layer holds any of it.
    pub fn flushed(&mut self) {
        self.gone = self.written;
    }

    /// The step whose reply is due next, once its command has been written in full.
    pub fn awaiting(&self) -> Option<Phase> {
        self.slots.front().filter(|slot| slot.end <= self.written).map(|slot| slot.what.phase())
    }

    /// How many replies were taken so far; changes exactly when the oldest due reply changes.
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// How many octets were handed to the socket so far.
    pub fn octets(&self) -> u64 {
        self.written
    }

    /// Whether a 421 or a refused permit is bringing the connection to its end.
    pub fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Outcomes since the last call.
    pub fn take_finished(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.finished)
    }

    /// Whether [`Self::take_finished`] would give anything.
    pub fn has_finished(&self) -> bool {
        !self.finished.is_empty()
    }

    /// The relay closed its side.
    pub fn end_of_stream(&mut self) {
        let kind = if self.is_quiet() && self.settled > 0 { FaultKind::ConnectionLimit } else { FaultKind::Connection };
        let detail = closed();
        self.close(Fault { phase: self.phase(), kind, reply: None, detail });
    }

    /// The connection is over: every unfinished mail finishes by what the socket took of it.
    ///
    /// What ended it first (a 421) is kept as the reason. A second call changes nothing.
    pub fn close(&mut self, fault: Fault) {
        if self.closed.is_some() {
            return;
        }
        let broken = fault.kind == FaultKind::Protocol;
        let fault = if broken { fault } else { self.ending.take().unwrap_or(fault) };
        for done in std::mem::take(&mut self.held) {
            self.finished.push(unproven(done, &fault));
        }
        for mail in std::mem::take(&mut self.mails) {
            let outcome = mail.lost(&fault, self.written, broken);
            self.finished.push(Finished { id: mail.parcel.id, outcome, elapsed: Duration::ZERO });
        }
        self.slots.clear();
        self.out.clear();
        self.out_start = 0;
        self.closed = Some(fault);
    }

    /// The step that a loss of the connection belongs to.
    pub fn phase(&self) -> Phase {
        self.slots.front().map_or(Phase::Mail, |slot| slot.what.phase())
    }

    /// Whether nothing is under way: no reply is due and no mail has been begun.
    fn is_quiet(&self) -> bool {
        self.slots.is_empty() && self.mails.iter().all(|mail| mail.stage == Stage::Waiting)
    }

    fn end(&mut self, fault: Fault) {
        if self.slots.is_empty() {
            self.close(fault);
        } else {
            self.ending.get_or_insert(fault);
        }
    }

    fn finish(&mut self, at: usize, outcome: Outcome, now: Duration) {
        let Some(mail) = self.mails.remove(at) else { return };
        self.settled += 1;
        let elapsed = mail.since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.report(Finished { id: mail.parcel.id, outcome, elapsed });
    }

    fn report(&mut self, done: Finished) {
        if self.fence == Fence::Down { self.finished.push(done) } else { self.held.push(done) }
    }
}

/// An outcome that was waiting for the fence when the connection ended.
fn unproven(done: Finished, fault: &Fault) -> Finished {
    match done.outcome {
        Outcome::Accepted(_) | Outcome::Refused(..) => Finished { outcome: Outcome::Unknown(fault.clone()), ..done },
        Outcome::NotSent(_) | Outcome::Unknown(_) => done,
    }
}
