//! What arrivals make of their members. Pure: readings and standings in, what is to be recorded out.

use super::Verdict;
use super::item::{Item, What, Word};
use super::matching::{Meant, Nobody, Seen, meant};
use owabi_core::bounce::Kind;
use owabi_core::ids::{CHECK, Keys, Subject};
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
pub(super) fn decide(items: &[Item], seen: &Seen, rules: &Rules) -> Decision {
    let mut table = Table { seen, rules, members: BTreeMap::new(), decision: Decision::default() };
    for item in items {
        let verdict = table.take(item);
        table.decision.verdicts.push(verdict);
    }
    table.finish()
}

/// A test mail of `owabi check`, or what came back of one: about no member, and nobody needs to look at it.
fn is_of_check(item: &Item, keys: &Keys) -> bool {
    let tokens = item.clues().tokens;
    matches!(item.what, What::Mail(..)) && tokens.iter().any(|token| keys.verify_verp(token, CHECK).is_some())
}

/// Decides as a person says: `item` says `says` of the member in row `id`.
pub(super) fn decide_by_hand(item: &Item, id: i64, says: Says, seen: &Seen, rules: &Rules) -> Decision {
    let mut table = Table { seen, rules, members: BTreeMap::new(), decision: Decision::default() };
    let meant = Meant { id, round: None, number: None, by: "person", words: vec![0] };
    let word = Word { says, ..item.words().into_iter().next().unwrap_or_else(Word::silent) };
    let waits = table.effect_of(&word, &meant) == Effect::Wait;
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
        if is_of_check(item, &self.rules.keys) {
            return self.keep(item, "ignored", "test_mail", None);
        }
        match (&item.what, meant(item, self.seen, &self.rules.keys)) {
            (What::Log(_), Err(_)) => Verdict::Ignored,
            (What::Log(_), Ok(found)) => self.matched(item, &found),
            (What::Mail(_, reading), found) => match (reading.kind, found) {
                (Kind::AutoReply, found) => self.came_back(item, found.ok(), "ignored", "auto_reply"),
                (_, Err(Nobody::Forged)) => self.keep(item, "ignored", "forged", None),
                (Kind::Bounce, Err(Nobody::Ambiguous)) => self.keep(item, "review", "ambiguous", None),
                (Kind::Bounce, Err(Nobody::Unmatched)) => self.keep(item, "review", "unmatched", None),
                (Kind::Complaint, found) => self.came_back(item, found.ok(), "review", "complaint"),
                (Kind::Other, found) => self.came_back(item, found.ok(), "review", "no_bounce"),
                (Kind::Bounce, Ok(found)) if item.words().is_empty() => {
                    self.came_back(item, Some(found), "review", "no_recipient")
                }
                (Kind::Bounce, Ok(found)) if !self.is_proof(item, &found) => {
                    self.keep(item, "review", "unproven", found.first().map(|meant| meant.id))
                }
                (Kind::Bounce, Ok(found)) => self.matched(item, &found),
            },
        }
    }

    /// Keeps an arrival that changes nothing.
    fn keep(&mut self, item: &Item, state: &str, why: &str, member_id: Option<i64>) -> Verdict {
        self.decision.received.arrivals.push(item.row(state, Some(why), member_id, true));
        if state == "review" { Verdict::Review } else { Verdict::Ignored }
    }

    /// Keeps a mail that tells of no delivery. Whatever came back to a member's own signed address proves that the relay had
    /// that member's mail.
    fn came_back(&mut self, item: &Item, found: Option<Vec<Meant>>, state: &str, why: &str) -> Verdict {
        let signed = found.into_iter().flatten().find(|meant| meant.by != "recipient");
        let Some(meant) = signed else { return self.keep(item, state, why, None) };
        if self.effect_of(&Word::taken(), &meant) == Effect::Wait {
            return self.park(item, meant.id);
        }
        self.say(item, &meant, &Word::taken(), 0);
        self.keep(item, state, why, Some(meant.id))
    }

    /// An address alone is no signature: anybody could write such a bounce. It makes told members bounced, whom a letter then
    /// tells once more; it tells nobody, and takes nobody from the queue or out of doubt.
    fn is_proof(&self, item: &Item, found: &[Meant]) -> bool {
        let words = item.words();
        let is_told = |id| matches!(self.member(id).status, Status::Accepted | Status::Delivered | Status::Bounced);
        let is_failure = |at: &usize| matches!(words[*at].says, Says::Failed | Says::Delayed);
        found.iter().all(|meant| meant.by != "recipient" || (is_told(meant.id) && meant.words.iter().all(is_failure)))
    }

    fn park(&mut self, item: &Item, member_id: i64) -> Verdict {
        self.decision.received.arrivals.push(item.row("parked", Some("sending"), Some(member_id), true));
        Verdict::Parked
    }

    fn matched(&mut self, item: &Item, found: &[Meant]) -> Verdict {
        let words = item.words();
        let said = || found.iter().flat_map(|meant| meant.words.iter().map(move |at| (meant, *at)));
        if let Some((meant, _)) = said().find(|(meant, at)| self.effect_of(&words[*at], meant) == Effect::Wait) {
            return self.park(item, meant.id);
        }
        for (part, (meant, at)) in said().enumerate() {
            self.say(item, meant, &words[at], part);
        }
        if item.is_kept || matches!(item.what, What::Mail(..)) {
            let all_well = words.iter().all(|word| matches!(word.says, Says::Delivered | Says::Relayed));
            let member = found.first().map(|meant| meant.id);
            self.decision.received.arrivals.push(item.row("matched", None, member, !all_well));
        }
        Verdict::Matched
    }

    fn effect_of(&self, word: &Word<'_>, meant: &Meant) -> Effect {
        effect(word.says, self.standing(self.member(meant.id), meant), self.rules.relayed_counts)
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
        let lost = mails.iter().filter(|mail| mail.is_lost()).count();
        let left = mails.iter().filter(|mail| mail.may_have_left()).count();
        // A mail of an earlier round is not the one that is being sent.
        let status = if mails.is_empty() && member.status == Status::Sending && meant.round.is_some() {
            Status::Held
        } else {
            member.status
        };
        Standing { status, left, lost }
    }

    /// Records one word about one member, and what it makes of it.
    fn say(&mut self, item: &Item, meant: &Meant, word: &Word<'_>, part: usize) {
        let member = self.member(meant.id).clone();
        let becomes = match self.effect_of(word, meant) {
            Effect::Becomes(event) => Some(event),
            Effect::Nothing | Effect::Wait => None,
        };
        if word.says == Says::Taken && becomes.is_none() {
            // That the relay has it is what its 250 said.
            return;
        }
        let mails = self.mails(&member, meant);
        let only = if let [mail] = mails[..] { Some(mail.number) } else { None };
        let of_queue_id = item.queue_id().and_then(|id| mails.iter().find(|mail| mail.queue_id.as_deref() == Some(id)));
        let number = meant.number.or(of_queue_id.map(|mail| mail.number)).or(only);
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
            queue_id: item.queue_id().map(str::to_owned),
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
    let copies = mails.iter().filter(|mail| mail.may_be_there());
    let twice = member.status != Status::Queued || copies.count() > 1;
    let possible_duplicate = member.possible_duplicate && twice;
    Some(MemberStanding { status, reason, possible_duplicate, ..member.clone() })
}
