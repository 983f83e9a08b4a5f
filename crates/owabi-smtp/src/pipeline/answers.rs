//! What each reply means for the mail that it answers.

use super::mail::{Due, Slot, Stage};
use super::{Fence, Mode, Pipeline};
use owabi_core::outcome::{Fault, FaultKind, Outcome, Phase};
use owabi_core::reply::Reply;
use owabi_core::text::say;
use std::time::Duration;

impl Pipeline {
    /// Takes the next reply of the relay, read at `now` (the clock of [`Self::written`]).
    pub fn reply(&mut self, reply: Reply, now: Duration) {
        if self.closed.is_some() {
            return;
        }
        self.replies += 1;
        let Some(slot) = self.slots.front().copied().filter(|slot| slot.end <= self.written) else {
            return self.unasked(reply);
        };
        self.slots.pop_front();
        if reply.code == 421 {
            let fault = self.goodbye(slot.what.phase(), &reply);
            self.ending.get_or_insert(fault);
        }
        if let Err(fault) = self.take(slot, reply, now) {
            return self.close(fault);
        }
        self.deny_late(now);
        match self.ending.clone() {
            Some(fault) if self.slots.is_empty() => self.close(fault),
            _ => self.advance(),
        }
    }

    fn take(&mut self, slot: Slot, reply: Reply, now: Duration) -> Result<(), Fault> {
        let at = self.mails.iter().position(|mail| mail.key == slot.key);
        match (slot.what, at) {
            (Due::Fence, _) => self.take_fence(&reply),
            (_, None) => Ok(()),
            (Due::Rset, Some(at)) => self.take_reset(at, reply),
            (Due::Mail | Due::Rcpt, Some(at)) => self.take_envelope(at, slot.what.phase(), reply, now),
            (Due::Data, Some(at)) => self.take_data(at, reply, now),
            (Due::Dot, Some(at)) => self.take_dot(at, reply, now),
            (Due::EmptyDot, Some(at)) => {
                self.finish_refused(at, now);
                Ok(())
            }
        }
    }

    /// RSET cannot fail (RFC 5321 section 4.1.1.5): anything but 2xx, or a goodbye, means that replies do not line up.
    fn take_reset(&mut self, at: usize, reply: Reply) -> Result<(), Fault> {
        match reply.code {
            421 => self.refuse(at, Phase::Mail, reply),
            _ if reply.is_positive() => {}
            _ => return Err(out_of_step(Phase::Mail, reply, "RSET")),
        }
        Ok(())
    }

    fn take_envelope(&mut self, at: usize, phase: Phase, reply: Reply, now: Duration) -> Result<(), Fault> {
        match reply.class() {
            2 => {}
            4 | 5 => {
                self.refuse(at, phase, reply);
                if self.mode == Mode::Step {
                    self.finish_refused(at, now);
                }
            }
            _ => return Err(out_of_step(phase, reply, phase.as_str())),
        }
        Ok(())
    }

    fn take_data(&mut self, at: usize, reply: Reply, now: Duration) -> Result<(), Fault> {
        match reply.class() {
            3 => self.take_go_ahead(at),
            4 | 5 => {
                self.refuse(at, Phase::Data, reply);
                self.finish_refused(at, now);
            }
            _ => return Err(out_of_step(Phase::Data, reply, "DATA")),
        }
        Ok(())
    }

    /// 354. Without an accepted recipient only a lone dot may follow (RFC 2920 section 3.1).
    fn take_go_ahead(&mut self, at: usize) {
        let mail = &mut self.mails[at];
        if mail.refusal.is_some() {
            let key = mail.key;
            if self.ending.is_none() {
                self.write_empty_dot(key);
            }
        } else if let Some(fault) = mail.denial() {
            self.end(fault);
        } else {
            mail.stage = Stage::Ready;
        }
    }

    fn take_dot(&mut self, at: usize, reply: Reply, now: Duration) -> Result<(), Fault> {
        match reply.class() {
            2 if self.mails[at].refusal.is_some() => return self.suspect(at, reply, now),
            2 => {
                self.refused_in_a_row = 0;
                self.finish(at, Outcome::Accepted(reply), now);
            }
            4 | 5 => {
                self.refuse(at, Phase::Dot, reply);
                self.finish_refused(at, now);
            }
            _ => return Err(out_of_step(Phase::Dot, reply, "the end of the mail")),
        }
        Ok(())
    }

    /// A body was taken for a recipient that was refused: perhaps replies are shifted. Asks before believing it.
    fn suspect(&mut self, at: usize, reply: Reply, now: Duration) -> Result<(), Fault> {
        if self.ending.is_some() {
            return Err(out_of_step(Phase::Dot, reply, "BDAT after a refusal"));
        }
        if self.fence == Fence::Down {
            self.fence = Fence::Wanted;
        }
        self.finish_refused(at, now);
        Ok(())
    }

    fn take_fence(&mut self, reply: &Reply) -> Result<(), Fault> {
        if reply.code == 421 {
            return Ok(());
        }
        if reply.code != 250 || !reply.text.to_ascii_uppercase().contains("CHUNKING") {
            return Err(out_of_step(Phase::Ehlo, reply.clone(), "EHLO"));
        }
        self.fence = Fence::Down;
        self.dirty = false;
        self.finished.append(&mut self.held);
        Ok(())
    }

    /// Keeps the first negative reply: those that follow only echo it.
    fn refuse(&mut self, at: usize, phase: Phase, reply: Reply) {
        self.mails[at].refusal.get_or_insert((phase, reply));
    }

    fn finish_refused(&mut self, at: usize, now: Duration) {
        let denial = self.mails[at].denial();
        let Some((phase, reply)) = self.mails[at].refusal.take() else { return };
        let outcome = match (&self.ending, denial) {
            (Some(fault), _) if reply.code == 421 => Outcome::NotSent(fault.clone()),
            (_, Some(fault)) => Outcome::NotSent(fault),
            (_, None) => Outcome::Refused(phase, reply),
        };
        self.dirty = true;
        self.refused_in_a_row += 1;
        self.finish(at, outcome, now);
    }

    /// A reply to nothing we said. A 421 is a goodbye; anything else means that replies no longer line up.
    fn unasked(&mut self, reply: Reply) {
        let fault = match reply.code {
            421 => self.goodbye(self.phase(), &reply),
            _ => out_of_step(self.phase(), reply, "nothing"),
        };
        self.close(fault);
    }

    /// A connection that served mails and then says goodbye has done its share; the relay itself is busy otherwise.
    fn goodbye(&self, phase: Phase, reply: &Reply) -> Fault {
        let text = reply.text.to_ascii_lowercase();
        let many = ["too many messages", "too many errors", "too many mails", "too many transactions"];
        let limit = self.settled > 0 && (self.is_quiet() || many.iter().any(|words| text.contains(words)));
        let kind = if limit { FaultKind::ConnectionLimit } else { FaultKind::Busy };
        let detail = say!(ja: "中継サーバーが接続を終えようとしています", en: "the relay is closing the connection");
        Fault { phase, kind, reply: Some(reply.clone()), detail }
    }
}

fn out_of_step(phase: Phase, reply: Reply, command: &str) -> Fault {
    let code = reply.code;
    let detail = say!(
        ja: "中継サーバーの応答が食い違っています({command} に {code})",
        en: "the relay's replies do not line up: {code} in answer to {command}"
    );
    Fault { phase, kind: FaultKind::Protocol, reply: Some(reply), detail }
}
