//! How an answer is given: the script first, then the effect, then the reply.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::envelope::Envelope;
use super::live::{Plan, Sight};
use super::script::{Hangup, Moment, Point, Then};
use super::session::Session;
use super::stats::Counters;
use super::wire::hung_up;

impl Session {
    /// A normal reply that no script is asked about.
    pub(super) async fn say(&mut self, code: u16, text: &str) -> io::Result<()> {
        let reply = self.normal(code, text);
        self.wire.push(&reply).await
    }

    pub(super) async fn refuse(&mut self, (code, text): (u16, &str)) -> io::Result<()> {
        Counters::add(&self.relay.counters.refusals, 1);
        self.say(code, text).await
    }

    /// A reply as this relay words it.
    pub(super) fn normal(&self, code: u16, text: &str) -> Vec<u8> {
        let enhanced = self.relay.options.extensions.enhanced_status_codes && self.extended != Some(false);
        format_reply(code, if enhanced { text } else { without_enhanced(text) })
    }

    fn plan(&self, point: Point) -> Plan {
        let nobody = Envelope::default();
        let envelope = self.transaction.as_ref().map_or(&nobody, |open| &open.envelope);
        let (client, mails, now) = (self.client, self.mails, Instant::now());
        self.relay.live().plan(&Sight { point, envelope, client, mails, now })
    }

    /// Gives the answer of a point; true when the command took effect.
    pub(super) async fn respond(&mut self, point: Point, code: u16, text: &str) -> io::Result<bool> {
        let plan = self.begin(point).await?;
        let normal = self.normal(code, text);
        self.finish(&plan, &normal).await?;
        Ok(plan.accepts(point))
    }

    /// A point to which no reply belongs.
    pub(super) async fn hold(&mut self, point: Point) -> io::Result<()> {
        let plan = self.begin(point).await?;
        self.finish(&plan, b"").await
    }

    /// Asks the script, and does what comes before the effect.
    pub(super) async fn begin(&mut self, point: Point) -> io::Result<Plan> {
        let plan = self.plan(point);
        self.act(&plan, Moment::BeforeEffect).await?;
        Ok(plan)
    }

    /// Does what comes after the effect, the reply included.
    pub(super) async fn finish(&mut self, plan: &Plan, normal: &[u8]) -> io::Result<()> {
        self.act(plan, Moment::BeforeReply).await?;
        self.reply(plan, normal).await?;
        self.act(plan, Moment::AfterReply).await?;
        if plan.hangs_up_after() {
            self.wire.close().await?;
            return Err(hung_up());
        }
        Ok(())
    }

    pub(super) async fn act(&mut self, plan: &Plan, moment: Moment) -> io::Result<()> {
        for then in &plan.0 {
            match then {
                Then::Delay(time) if moment == Moment::BeforeReply => {
                    self.wire.flush().await?;
                    tokio::time::sleep(*time).await;
                }
                Then::Stall(at) if *at == moment => self.wire.stall().await?,
                Then::Drop(how, at) if *at == moment => return self.drop_connection(*how).await,
                Then::PauseUntil(label, at) if *at == moment => {
                    self.wire.flush().await?;
                    self.relay.gates.hold(label).await;
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn drop_connection(&mut self, how: Hangup) -> io::Result<()> {
        self.wire.flush().await?;
        if how == Hangup::Rst {
            self.wire.reset_on_close()?;
        }
        Err(hung_up())
    }

    async fn reply(&mut self, plan: &Plan, normal: &[u8]) -> io::Result<()> {
        let mut bytes = match plan.answer() {
            Some(Then::Reply(code, text) | Then::Close(code, text)) => format_reply(*code, text),
            Some(Then::Raw { bytes, .. }) => bytes.clone(),
            Some(Then::MissingReply) => Vec::new(),
            Some(Then::EndlessLine) => return self.endless(b"250 ", b"a").await,
            Some(Then::EndlessReply) => return self.endless(b"", b"250-and so on\r\n").await,
            _ => normal.to_vec(),
        };
        Counters::add(&self.relay.counters.refusals, usize::from(matches!(bytes.first(), Some(b'4' | b'5'))));
        for then in &plan.0 {
            if let Then::ExtraReply(code, text) = then {
                bytes.extend_from_slice(&format_reply(*code, text));
            }
        }
        match trickle(plan) {
            Some(interval) => self.wire.trickle(&bytes, interval).await,
            None => self.wire.push(&bytes).await,
        }
    }

    async fn endless(&mut self, head: &[u8], part: &[u8]) -> io::Result<()> {
        self.wire.push(head).await?;
        let block = part.repeat(1024);
        loop {
            self.wire.push(&block).await?;
            self.wire.flush().await?;
        }
    }
}

fn trickle(plan: &Plan) -> Option<Duration> {
    plan.0.iter().find_map(|then| if let Then::Trickle(interval) = then { Some(*interval) } else { None })
}

/// A reply of one or more lines.
fn format_reply(code: u16, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let mark = if lines.peek().is_some() { '-' } else { ' ' };
        bytes.extend_from_slice(format!("{code}{mark}{line}\r\n").as_bytes());
    }
    bytes
}

/// The text without a leading `2.1.0 `.
fn without_enhanced(text: &str) -> &str {
    match text.split_once(' ') {
        Some((head, rest)) if head.contains('.') && head.bytes().all(|b| b == b'.' || b.is_ascii_digit()) => rest,
        _ => text,
    }
}
