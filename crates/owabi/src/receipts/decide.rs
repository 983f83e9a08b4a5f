//! What arrivals make of their members. Pure: readings and standings in, what is to be recorded out.

use super::Verdict;
use super::item::{Item, What, Word};
use super::matching::{Meant, Nobody, Seen, meant};
use owabi_core::bounce::Kind;
use owabi_core::ids::{Keys, Subject};
use owabi_core::lifecycle::{Event, Status};
use owabi_core::receipt::{Effect, Says, Standing, effect};
use owabi_store::{MemberChange, MemberStanding, NewReceipt, Received, SentMail};
use std::collections::BTreeMap;

/// What the decisions depend on beside the arrivals.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) keys: Keys,
    /// "Another host took it" counts as delivered.
    pub(super) relayed_counts: bool,
    /// How long a receipt waits for its mail's outcome.
    pub(super) park_ms: i64,
}

/// What is to be recorded.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub(super) received: Received,
    pub(super) verdicts: Vec<Verdict>,
}

impl Decision {
    /// Something waits for its mail's own outcome.
    pub(super) fn waits(&self) -> bool {
        self.verdicts.contains(&Verdict::Parked)
    }
}

/// Decides on `items` in their order.
pub(super) fn decide(items: &[Item], seen: &Seen, rules: &Rules, now: i64) -> Decision {
    let mut table = Table { seen, rules, now, members: BTreeMap::new(), decision: Decision::default() };
    for item in items {
        let verdict = table.take(item);
        table.decision.verdicts.push(verdict);
    }
    table.finish()
}

/// Decides as a person says: `item` says `says` of the member in row `id`.
pub(super) fn decide_by_hand(item: &Item, id: i64, says: Says, seen: &Seen, rules: &Rules, now: i64) -> Decision {
    let mut table = Table { seen, rules, now, members: BTreeMap::new(), decision: Decision::default() };
    let meant = Meant { id, round: None, number: None, by: "person", words: vec![0] };
    let word = Word { says, ..item.words().into_iter().next().unwrap_or_else(Word::silent) };
    let waits = effect(says, table.standing(table.member(id), &meant), rules.relayed_counts) == Effect::Wait;
    if !waits {
        table.say(item, &meant, &word, 0);
        table.decision.received.arrivals.push(item.row("matched", Some("person"), Some(id), true));
    }
    table.decision.verdicts.push(if waits { Verdict::Parked } else { Verdict::Matched });
    table.finish()
}

/// The decisions so far, and the members as they stand after them.
struct Table<'a> {
    seen: &'a Seen,
    rules: &'a Rules,
    now: i64,
    members: BTreeMap<i64, MemberStanding>,
    decision: Decision,
}

impl Table<'_> {
    fn take(&mut self, item: &Item) -> Verdict {
        match self.seen.known.get(&item.sha256).map(String::as_str) {
            Some("matched") => return Verdict::Matched,
            Some("ignored" | "dismissed") => return Verdict::Ignored,
            _ if self.decision.received.arrivals.iter().any(|row| row.sha256 == item.sha256) => {
                return Verdict::Ignored;
            }
            // Parked, or in review: newer knowledge may decide it.
            _ => {}
        }
        match (&item.what, meant(item, self.seen, &self.rules.keys)) {
            (What::Log(_), Err(_)) => Verdict::Ignored,
            (What::Mail(_, reading), found) if reading.kind == Kind::AutoReply => {
                let member = found.ok().and_then(|found| found.first().map(|meant| meant.id));
                self.keep(item, "ignored", "auto_reply", member)
            }
            (_, Err(Nobody::Forged)) => self.keep(item, "ignored", "forged", None),
            (What::Mail(_, reading), Err(why)) if reading.kind == Kind::Bounce => {
                let why = if why == Nobody::Ambiguous { "ambiguous" } else { "unmatched" };
                self.keep(item, "review", why, None)
            }
            (What::Mail(_, reading), found) if reading.kind != Kind::Bounce => {
                let why = if reading.kind == Kind::Complaint { "complaint" } else { "no_bounce" };
                let member = found.ok().and_then(|found| found.first().map(|meant| meant.id));
                self.keep(item, "review", why, member)
            }
            (_, Ok(found)) if found.iter().all(|meant| meant.words.is_empty()) => {
                self.keep(item, "review", "no_recipient", found.first().map(|meant| meant.id))
            }
            (_, Ok(found)) => self.matched(item, &found),
            (_, Err(_)) => self.keep(item, "review", "unmatched", None),
        }
    }

    /// Keeps an arrival that changes nothing.
    fn keep(&mut self, item: &Item, state: &str, why: &str, member_id: Option<i64>) -> Verdict {
        self.decision.received.arrivals.push(item.row(state, Some(why), member_id, true));
        if state == "review" { Verdict::Review } else { Verdict::Ignored }
    }

    fn matched(&mut self, item: &Item, found: &[Meant]) -> Verdict {
        let member = found.first().map(|meant| meant.id);
        if found.iter().any(|meant| self.waits(item, meant)) {
            if item.parked_at.is_some_and(|at| at.saturating_add(self.rules.park_ms) < self.now) {
                return self.keep(item, "review", "still_sending", member);
            }
            self.decision.received.arrivals.push(item.row("parked", Some("sending"), member, true));
            return Verdict::Parked;
        }
        let words = item.words();
        let said = found.iter().flat_map(|meant| meant.words.iter().map(move |at| (meant, *at)));
        for (part, (meant, at)) in said.enumerate() {
            self.say(item, meant, &words[at], part);
        }
        if item.parked_at.is_some() || matches!(item.what, What::Mail(..)) {
            let all_well = words.iter().all(|word| matches!(word.says, Says::Delivered | Says::Relayed));
            self.decision.received.arrivals.push(item.row("matched", None, member, !all_well));
        }
        Verdict::Matched
    }

    fn waits(&self, item: &Item, meant: &Meant) -> bool {
        let member = self.member(meant.id);
        let effect_of = |word: &Word<'_>| effect(word.says, self.standing(member, meant), self.rules.relayed_counts);
        let words = item.words();
        meant.words.iter().any(|at| effect_of(&words[*at]) == Effect::Wait)
    }

    fn member(&self, id: i64) -> &MemberStanding {
        self.members.get(&id).unwrap_or(&self.seen.members[&id])
    }

    /// The mails of the round that is meant; an earlier round's evidence changes nothing any more.
    fn mails<'a>(&self, member: &'a MemberStanding, meant: &Meant) -> Vec<&'a SentMail> {
        if meant.round.is_some_and(|round| round != member.round) {
            return Vec::new();
        }
        let of = Subject { notice_id: &member.notice_id, member_id: member.id, round: member.round };
        let ours = self.rules.keys.message_id(of);
        let left = |mail: &&SentMail| mail.message_id.split('@').next() == Some(ours.as_str());
        member.sent.iter().filter(left).collect()
    }

    fn standing(&self, member: &MemberStanding, meant: &Meant) -> Standing {
        let mails = self.mails(member, meant);
        let is_lost = |mail: &&&SentMail| matches!(mail.outcome.as_deref(), None | Some("in_doubt"));
        let lost = mails.iter().filter(is_lost).count();
        // A mail of an earlier round is not the one that is being sent.
        let status = if mails.is_empty() && member.status == Status::Sending && meant.round.is_some() {
            Status::Held
        } else {
            member.status
        };
        Standing { status, left: mails.len(), lost }
    }

    /// Records one word about one member, and what it makes of it.
    fn say(&mut self, item: &Item, meant: &Meant, word: &Word<'_>, part: usize) {
        let member = self.member(meant.id).clone();
        let becomes = match effect(word.says, self.standing(&member, meant), self.rules.relayed_counts) {
            Effect::Becomes(event) => Some(event),
            Effect::Nothing | Effect::Wait => None,
        };
        if word.says == Says::Taken && becomes.is_none() {
            // That the relay has it is what its 250 said.
            return;
        }
        let mails = self.mails(&member, meant);
        let only = if let [mail] = mails[..] { Some(mail.number) } else { None };
        let of_queue_id = item
            .clues()
            .queue_id
            .and_then(|id| mails.iter().find(|mail| mail.queue_id.as_deref() == Some(id)).map(|mail| mail.number));
        let number = meant.number.or(of_queue_id).or(only);
        let after = becomes.and_then(|event| changed(&member, event, word, &mails));
        let status_after = after.as_ref().map_or(member.status, |after| after.status);
        self.decision.received.receipts.push(NewReceipt {
            member_id: meant.id,
            round: meant.round.or((!mails.is_empty()).then_some(member.round)),
            number,
            reported_at: item.reported_at(),
            source: item.source.clone(),
            evidence: item.sha256.clone(),
            part: i64::try_from(part).unwrap_or(i64::MAX),
            matched_by: meant.by,
            says: word.says.as_str(),
            recipient: word.original.or(word.recipient).map(str::to_owned),
            status: word.status.map(str::to_owned),
            reason: word.why().map(str::to_owned),
            detail: word.detail.map(str::to_owned),
            queue_id: item.clues().queue_id.map(str::to_owned),
            change: (member.status, status_after),
        });
        if let Some(after) = after {
            self.members.insert(meant.id, after);
        }
    }

    fn finish(mut self) -> Decision {
        for (id, after) in self.members {
            let before = &self.seen.members[&id];
            if before.status != after.status {
                self.decision.received.changes.push(MemberChange {
                    id,
                    fence: before.fence,
                    before: before.status,
                    after: after.status,
                    reason: after.reason,
                    possible_duplicate: after.possible_duplicate,
                });
            }
        }
        self.decision
    }
}

/// The member after the event; `None` when that changes nothing.
fn changed(member: &MemberStanding, event: Event, word: &Word<'_>, mails: &[&SentMail]) -> Option<MemberStanding> {
    let status = member.status.after(event).ok().filter(|status| *status != member.status)?;
    let reason = match status {
        Status::Bounced => Some(word.reason.as_str().to_owned()),
        Status::Accepted => Some("evidence".to_owned()),
        _ => None,
    };
    // What waits to be sent a second time, and now is not, was not sent twice.
    let copies =
        mails.iter().filter(|mail| !matches!(mail.outcome.as_deref(), Some("failed" | "deferred" | "not_sent")));
    let twice = member.status != Status::Queued || copies.count() > 1;
    let possible_duplicate = member.possible_duplicate && twice;
    Some(MemberStanding { status, reason, possible_duplicate, ..member.clone() })
}
