//! The daemon in one line, for `systemctl status`. It names notices and relays, and nobody else.

use super::{Phase, Service, Wedged};
use crate::dispatch::Live;
use crate::japan;
use owabi_core::lifecycle::Status;
use owabi_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the members are counted while mails leave; in between the daemon adds what it sent itself.
const COUNT: Duration = Duration::from_mins(1);
/// How often it is seen whether they must be counted now.
const LOOK: Duration = Duration::from_secs(2);
/// A count that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The members of notices that are released or paused, as they were counted last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// A relay took their mail, and nothing else is known of it.
    pub accepted: i64,
    /// It is proven that their mail arrived.
    pub delivered: i64,
    /// Their mail was taken and came back.
    pub bounced: i64,
    /// Those who are to be told by mail: without the held, withdrawn and unreachable ones.
    pub all: i64,
    /// What this daemon had sent itself when they were counted.
    pub of_this: u64,
}

impl Members {
    async fn count(store: &Store, notices: &BTreeMap<String, String>, of_this: u64) -> Result<Self, StoreError> {
        let mut members = Self { of_this, ..Self::default() };
        for (notice, counts) in store.counts().await? {
            if notices.get(&notice).is_some_and(|state| matches!(state.as_str(), "released" | "paused")) {
                for (status, count) in counts {
                    members.add(status, count);
                }
            }
        }
        Ok(members)
    }

    fn add(&mut self, status: Status, count: i64) {
        match status {
            Status::Accepted => self.accepted += count,
            Status::Delivered => self.delivered += count,
            Status::Bounced => self.bounced += count,
            Status::Queued | Status::Sending | Status::InDoubt | Status::Failed => {}
            Status::Held | Status::Withdrawn | Status::Unreachable => return,
        }
        self.all += count;
    }

    /// In the words of `owabi status`.
    fn text(self, accepted_by_this: u64) -> String {
        let since = i64::try_from(accepted_by_this.saturating_sub(self.of_this)).unwrap_or(0);
        let accepted = self.accepted.saturating_add(since).min(self.all - self.delivered - self.bounced);
        let of = |members: i64| grouped(members.unsigned_abs());
        let mut parts = vec![format!("{} of {} accepted", of(accepted), of(self.all))];
        for (count, word) in [(self.delivered, "delivered"), (self.bounced, "bounced")] {
            if count > 0 {
                parts.push(format!("{} {word}", of(count)));
            }
        }
        parts.join(", ")
    }
}

/// Counts the members now and then, until it is aborted: when another notice is released, when all is sent, else once a minute.
pub(crate) async fn keep_counting(service: Service, live: Live, store: Store) {
    let (mut known, mut was_busy, mut waited) = (None, false, COUNT);
    loop {
        let (notices, busy) = (live.notices(), live.in_memory() > 0);
        let is_news = known.as_ref() != Some(&notices) || (was_busy && !busy) || waited >= COUNT;
        if live.has_looked() && is_news {
            let counting = Members::count(&store, &notices, live.accepted());
            if let Ok(Ok(members)) = tokio::time::timeout(PATIENCE, counting).await {
                service.counted(members);
                (known, waited) = (Some(notices), Duration::ZERO);
            }
        }
        was_busy = busy;
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
}

/// What the line is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    phase: Phase,
    refused: bool,
    wedged: Vec<String>,
    /// Since when the database is away (epoch milliseconds).
    away_since: Option<i64>,
    relays_down: Vec<String>,
    any_relay: bool,
    /// The notices were looked at.
    looked: bool,
    released: bool,
    paused: Vec<String>,
    /// None until they are counted.
    members: Option<Members>,
    accepted: u64,
    under_way: usize,
    /// Rows in memory.
    busy: bool,
    per_second: f64,
}

impl Seen {
    pub(super) fn of(service: &Service, live: &Live, wedged: &[Wedged], per_second: f64, now: i64) -> Self {
        let (relays, notices) = (live.relays(now), live.notices());
        let down = relays.iter().filter(|relay| !relay.up).map(|relay| relay.name.clone());
        let paused = notices.iter().filter(|(_, state)| *state == "paused").map(|(id, _)| id.clone());
        Self {
            phase: service.phase(),
            refused: service.refused().is_some(),
            wedged: wedged.iter().map(|of| of.name.clone()).collect(),
            away_since: live.database(now).trouble().map(|trouble| trouble.since),
            relays_down: down.collect(),
            any_relay: relays.iter().any(|relay| relay.up),
            looked: live.has_looked(),
            released: notices.values().any(|state| state == "released"),
            paused: paused.collect(),
            members: service.members(),
            accepted: live.accepted(),
            under_way: live.under_way(),
            busy: live.in_memory() > 0,
            per_second,
        }
    }

    pub(super) fn text(&self) -> String {
        match self.phase {
            Phase::Starting => return "starting".to_owned(),
            Phase::Reloading => return format!("reloading: {} under way", mails(self.under_way)),
            Phase::Stopping => return stopping(self.under_way),
            Phase::Running => {}
        }
        let mut parts = Vec::new();
        if self.refused {
            parts.push("the new configuration is refused, the old one is used".to_owned());
        }
        if !self.wedged.is_empty() {
            parts.push(format!("does nothing any more: {}", self.wedged.join(", ")));
        }
        parts.push(self.work());
        if !self.relays_down.is_empty() && self.any_relay {
            parts.push(format!("relay down: {}", self.relays_down.join(", ")));
        }
        if !self.paused.is_empty() {
            parts.push(format!("paused: {}", self.paused.join(", ")));
        }
        parts.join("; ")
    }

    fn work(&self) -> String {
        let members = self.members();
        if let Some(since) = self.away_since {
            return format!("the database is away since {}, nothing is sent: {members}", japan::short(since));
        }
        if !self.relays_down.is_empty() && !self.any_relay {
            return format!("no relay can be reached ({}), nothing is sent: {members}", self.relays_down.join(", "));
        }
        match self.busy {
            true => format!("{members}, {}", rate(self.per_second)),
            false if !self.looked => members,
            false if self.released || !self.paused.is_empty() => format!("idle: {members}"),
            false => "idle: no notice is released".to_owned(),
        }
    }

    /// How far it is. Members that are being sent to were not counted yet when a count found nobody.
    fn members(&self) -> String {
        match self.members {
            Some(of) if of.all > 0 => of.text(self.accepted),
            Some(_) if !self.busy => "nobody is to be told".to_owned(),
            _ => "counting who is to be told".to_owned(),
        }
    }
}

fn rate(per_second: f64) -> String {
    if per_second < 9.95 { format!("{per_second:.1}/s") } else { format!("{per_second:.0}/s") }
}

/// What is told when the end begins.
pub(crate) fn stopping(under_way: usize) -> String {
    format!("stopping: {} under way", mails(under_way))
}

/// How many, in words.
fn mails(many: usize) -> String {
    if many == 1 { "1 mail".to_owned() } else { format!("{} mails", grouped(many as u64)) }
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_work() -> Seen {
        Seen {
            phase: Phase::Running,
            any_relay: true,
            looked: true,
            released: true,
            members: Some(Members { accepted: 1_234, all: 20_000, ..Members::default() }),
            under_way: 3,
            busy: true,
            per_second: 41.2,
            ..Seen::default()
        }
    }

    #[test]
    fn the_line_says_how_far_it_is_or_what_keeps_it_from_sending() {
        let line = |change: fn(&mut Seen)| {
            let mut seen = at_work();
            change(&mut seen);
            seen.text()
        };
        assert_eq!(line(|_| ()), "1,234 of 20,000 accepted, 41/s");
        assert_eq!(line(|seen| seen.per_second = 0.25), "1,234 of 20,000 accepted, 0.2/s");
        assert_eq!(line(|seen| seen.busy = false), "idle: 1,234 of 20,000 accepted");
        let nothing = line(|seen| {
            *seen = Seen { phase: Phase::Running, any_relay: true, looked: true, ..Seen::default() };
        });
        assert_eq!(nothing, "idle: no notice is released");
        let paused = line(|seen| {
            (seen.busy, seen.released, seen.paused) = (false, false, vec!["leak".into()]);
        });
        assert_eq!(paused, "idle: 1,234 of 20,000 accepted; paused: leak");
        let one_down = line(|seen| seen.relays_down = vec!["spare".into()]);
        assert_eq!(one_down, "1,234 of 20,000 accepted, 41/s; relay down: spare");
        let all_down = line(|seen| (seen.relays_down, seen.any_relay) = (vec!["main".into()], false));
        assert_eq!(all_down, "no relay can be reached (main), nothing is sent: 1,234 of 20,000 accepted");
        let away = line(|seen| seen.away_since = Some(1_646_179_200_000));
        assert!(away.starts_with("the database is away since 2022-03-02 09:00"), "{away}");
        let refused = line(|seen| (seen.refused, seen.wedged) = (true, vec!["watch".into()]));
        let both = "the new configuration is refused, the old one is used; does nothing any more: watch; ";
        assert_eq!(refused, format!("{both}1,234 of 20,000 accepted, 41/s"));
        assert_eq!(line(|seen| seen.phase = Phase::Stopping), "stopping: 3 mails under way");
        assert_eq!(line(|seen| seen.phase = Phase::Reloading), "reloading: 3 mails under way");
    }

    #[test]
    fn members_who_get_no_mail_are_not_counted_and_what_was_sent_since_the_count_is_added() {
        let mut members = Members { of_this: 5, ..Members::default() };
        for status in Status::ALL {
            members.add(status, 1_000);
        }
        assert_eq!(members.text(5), "1,000 of 7,000 accepted, 1,000 delivered, 1,000 bounced");
        assert_eq!(members.text(1_239), "2,234 of 7,000 accepted, 1,000 delivered, 1,000 bounced");
        let most = "5,000 of 7,000 accepted, 1,000 delivered, 1,000 bounced";
        assert_eq!(members.text(100_000), most, "what came back since the count is not counted twice");
    }

    #[test]
    fn before_the_first_look_nothing_is_said_of_the_notices_and_before_the_first_count_nothing_of_the_members() {
        let first = Seen { phase: Phase::Running, any_relay: true, ..Seen::default() };
        assert_eq!(first.text(), "counting who is to be told");
        let not_counted = Seen { looked: true, released: true, ..first.clone() };
        assert_eq!(not_counted.text(), "idle: counting who is to be told");
        let nobody = Seen { members: Some(Members::default()), ..not_counted };
        assert_eq!(nobody.text(), "idle: nobody is to be told");
        let just_released = Seen { busy: true, per_second: 3.0, ..nobody };
        assert_eq!(just_released.text(), "counting who is to be told, 3.0/s");
    }
}
