//! What may be written next, in each of the three modes.

use super::mail::{Due, Mail, Slot, Stage};
use super::{Fence, Mode, Pipeline};
use crate::envelope;
use lettre::transport::smtp::commands::{Data, Ehlo, Rset};
use lettre::transport::smtp::extension::ClientId;
use owabi_core::outcome::Outcome;
use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;

/// A relay hangs up on a client that makes many mistakes in a row (Postfix: 20, and a refused mail counts as two). From
/// the third refusal in a row on fewer mails are sent along, so that the hang-up leaves none of them in doubt.
const REFUSALS_IN_A_ROW: usize = 8;
const FIRST_REFUSALS: usize = 3;

impl Pipeline {
    /// Writes whatever may be written now.
    pub(super) fn advance(&mut self) {
        if self.ending.is_some() || self.closed.is_some() {
            return;
        }
        match self.fence {
            Fence::Wanted if self.slots.is_empty() => self.raise_fence(),
            Fence::Wanted | Fence::Sent => {}
            Fence::Down => match self.mode {
                Mode::Bdat => self.advance_groups(),
                Mode::Chained => self.advance_chained(),
                Mode::Step => self.advance_step(),
            },
        }
    }

    fn raise_fence(&mut self) {
        self.fence = Fence::Sent;
        let helo = ClientId::Domain(self.helo.clone());
        self.say(Ehlo::new(helo), Due::Fence, 0);
    }

    fn advance_groups(&mut self) {
        for at in 0..self.mails.len() {
            let mail = &self.mails[at];
            if mail.stage != Stage::Waiting || !mail.is_granted() {
                continue;
            }
            if self.refused_in_a_row >= FIRST_REFUSALS && self.groups_out() >= self.window() {
                return;
            }
            self.write_reset(at);
            self.write_envelope(at);
            self.write_body(at);
        }
    }

    /// RSET keeps a group safe from the one before it: a MAIL inside a transaction whose RCPT was refused is a 503.
    fn write_reset(&mut self, at: usize) {
        if self.dirty || self.mode == Mode::Bdat && !self.slots.is_empty() {
            self.say(Rset, Due::Rset, self.mails[at].key);
            self.dirty = false;
        }
    }

    fn groups_out(&self) -> usize {
        self.mails.iter().filter(|mail| mail.stage == Stage::BodySaid).count()
    }

    fn window(&self) -> usize {
        REFUSALS_IN_A_ROW.saturating_sub(self.refused_in_a_row).max(1)
    }

    /// At most one transaction is open: its body leaves with the next envelope behind it.
    fn advance_chained(&mut self) {
        loop {
            let open = self.mails.iter().position(|mail| !matches!(mail.stage, Stage::Waiting | Stage::BodySaid));
            match open {
                Some(at) if self.may_write_body(at) => self.write_body(at),
                Some(_) => return,
                None => {
                    let Some(at) = self.mails.iter().position(|mail| mail.stage == Stage::Waiting) else { return };
                    self.write_reset(at);
                    self.write_envelope(at);
                    self.say(Data, Due::Data, self.mails[at].key);
                    self.mails[at].envelope_end = self.end_of_output();
                    self.mails[at].stage = Stage::DataSaid;
                }
            }
        }
    }

    fn may_write_body(&self, at: usize) -> bool {
        self.mails[at].stage == Stage::Ready && self.mails[at].is_granted()
    }

    fn advance_step(&mut self) {
        if !self.slots.is_empty() || self.mails.is_empty() {
            return;
        }
        let (key, stage) = (self.mails[0].key, self.mails[0].stage);
        if let (Stage::MailSaid | Stage::RcptSaid, Some(fault)) = (stage, self.mails[0].denial()) {
            self.dirty = true;
            self.finish(0, Outcome::NotSent(fault), Duration::ZERO);
            return self.advance_step();
        }
        match stage {
            Stage::Waiting if self.dirty => self.write_reset(0),
            Stage::Waiting => self.write_mail(0),
            Stage::MailSaid => self.write_rcpt(0),
            Stage::RcptSaid => {
                self.say(Data, Due::Data, key);
                self.mails[0].envelope_end = self.end_of_output();
                self.mails[0].stage = Stage::DataSaid;
            }
            Stage::Ready if self.may_write_body(0) => self.write_body(0),
            Stage::DataSaid | Stage::Ready | Stage::BodySaid => {}
        }
    }

    fn write_envelope(&mut self, at: usize) {
        self.write_mail(at);
        self.write_rcpt(at);
    }

    fn write_mail(&mut self, at: usize) {
        envelope::write_mail(&mut self.out, &self.mails[at].parcel, &self.offers);
        self.said(at, Stage::MailSaid, Due::Mail);
    }

    fn write_rcpt(&mut self, at: usize) {
        envelope::write_rcpt(&mut self.out, &self.mails[at].parcel, &self.offers);
        self.said(at, Stage::RcptSaid, Due::Rcpt);
    }

    fn write_body(&mut self, at: usize) {
        let body = self.mails[at].parcel.body.clone();
        match self.mode {
            Mode::Bdat => envelope::write_chunk(&mut self.out, &body),
            Mode::Chained | Mode::Step => envelope::write_dotted(&mut self.out, &body),
        }
        self.said(at, Stage::BodySaid, Due::Dot);
        self.mails[at].last_octet = Some(self.end_of_output());
    }

    /// Notes the command of the mail at `at` that was just appended to the output.
    fn said(&mut self, at: usize, stage: Stage, due: Due) {
        let end = self.end_of_output();
        let mail: &mut Mail = &mut self.mails[at];
        mail.stage = stage;
        if stage != Stage::BodySaid {
            mail.envelope_end = end;
        }
        self.slots.push_back(Slot { what: due, key: mail.key, end });
    }

    fn say(&mut self, command: impl Display, due: Due, key: u64) {
        // Writing to memory cannot fail.
        let _ = write!(self.out, "{command}");
        self.slots.push_back(Slot { what: due, key, end: self.end_of_output() });
    }

    /// The lone dot after a 354 that no accepted recipient justifies.
    pub(super) fn write_empty_dot(&mut self, key: u64) {
        self.say(".\r\n", Due::EmptyDot, key);
    }

    fn end_of_output(&self) -> u64 {
        self.written + (self.out.len() - self.out_start) as u64
    }
}
