//! A script in use: its rules, and what they remember.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Mutex;

use tokio::time::Instant;

use super::envelope::{Envelope, Recipient};
use super::locked;
use super::script::{Point, Rule, Script, Then};
use super::when::{Which, chosen};

/// What a rule is asked about.
pub(super) struct Sight<'a> {
    pub(super) point: Point,
    pub(super) envelope: &'a Envelope,
    pub(super) client: IpAddr,
    /// Mails taken on this connection.
    pub(super) mails: u64,
    pub(super) now: Instant,
}

impl Sight<'_> {
    /// The recipients in question: at RCPT the one that is offered.
    fn concerned(&self) -> &[Recipient] {
        let all = &self.envelope.recipients;
        if self.point == Point::Rcpt { &all[all.len().saturating_sub(1)..] } else { all }
    }
}

/// The rules that hold at one point.
#[derive(Default)]
pub(super) struct Plan(pub(super) Vec<Then>);

impl Plan {
    /// Whether the command takes effect.
    pub(super) fn accepts(&self, point: Point) -> bool {
        self.0.iter().all(|then| then.accepts(point))
    }

    /// What takes the place of the normal answer.
    pub(super) fn answer(&self) -> Option<&Then> {
        self.0.iter().find(|then| then.answers())
    }

    pub(super) fn hangs_up_after(&self) -> bool {
        self.0.iter().any(|then| matches!(then, Then::Close(..) | Then::Reply(421, _)))
    }
}

#[derive(Default)]
struct Memory {
    seen: u64,
    fired: u64,
    recipients: HashSet<String>,
    triplets: HashMap<(IpAddr, String, String), Instant>,
}

/// Rules with their memories.
#[derive(Default)]
pub(super) struct Live {
    rules: Vec<(Rule, Mutex<Memory>)>,
}

impl From<Script> for Live {
    fn from(script: Script) -> Self {
        Self { rules: script.rules.into_iter().map(|rule| (rule, Mutex::default())).collect() }
    }
}

impl Live {
    /// The numbers of octets after which a rule wants to be asked, smallest first.
    pub(super) fn body_marks(&self) -> Vec<usize> {
        let mark = |(rule, _): &(Rule, _)| match rule.when.point {
            Point::BodyAfter(octets) => Some(octets),
            _ => None,
        };
        let mut marks: Vec<usize> = self.rules.iter().filter_map(mark).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }

    /// What is to be done now.
    pub(super) fn plan(&self, sight: &Sight<'_>) -> Plan {
        let mut plan = Plan::default();
        for (rule, memory) in &self.rules {
            if !holds(rule, &mut locked(memory), sight) {
                continue;
            }
            plan.0.push(rule.then.clone());
            if rule.then.answers() {
                break;
            }
        }
        plan
    }
}

fn holds(rule: &Rule, memory: &mut Memory, sight: &Sight<'_>) -> bool {
    if rule.when.point != sight.point || !rule.when.who.matches(sight.envelope, sight.concerned()) {
        return false;
    }
    memory.seen += 1;
    let holds = is_that_one(rule.when.which, memory, sight) && rule.times.allow(memory.fired);
    memory.fired += u64::from(holds);
    holds
}

fn is_that_one(which: Which, memory: &mut Memory, sight: &Sight<'_>) -> bool {
    let recipient = || sight.concerned().first().map(|recipient| recipient.address.clone()).unwrap_or_default();
    match which {
        Which::Every => true,
        Which::Nth(n) => memory.seen == n,
        Which::EveryNth(n) => n > 0 && memory.seen.is_multiple_of(n),
        Which::AfterMails(n) => sight.mails >= n,
        Which::FirstForRecipient => memory.recipients.insert(recipient()),
        Which::Greylisted { delay } => {
            let triplet = (sight.client, sight.envelope.mail_from.clone(), recipient());
            sight.now < *memory.triplets.entry(triplet).or_insert(sight.now) + delay
        }
        Which::Sometimes { per_mille, seed } => chosen([memory.seen].into_iter(), seed, per_mille),
    }
}
