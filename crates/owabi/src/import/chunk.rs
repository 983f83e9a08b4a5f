//! One chunk of lines against what the queue knows: who is new, who is merged, who was there already.

use super::findings::Findings;
use super::given_back::RefusedLine;
use owabi_core::address::AddressProblem;
use owabi_core::lifecycle::{Event, Status};
use owabi_core::member::Member;
use owabi_core::roster::{self, Entry, Known, Merge, Refusal};
use owabi_store::{KnownRow, MergedRow, NewRow, Totals};
use std::collections::HashMap;

/// The affected lines of one chunk, with their line numbers.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) entries: Vec<(u64, Entry)>,
    /// Whoever was withdrawn before any release is held again.
    pub(super) take_in: bool,
}

/// What a chunk comes to.
pub(super) struct Merged {
    pub(super) new: Vec<NewRow>,
    pub(super) changed: Vec<MergedRow>,
    /// Members who were withdrawn, and are held again.
    pub(super) taken_in: Vec<MergedRow>,
    /// Lines of other people under a number that is taken.
    pub(super) others: Vec<RefusedLine>,
}

/// A member as this chunk sees it so far.
struct Slot {
    row: Option<i64>,
    member: Member,
    /// Of a known member: empty unless a further line brought the address.
    given_email: String,
    unreachable: Option<String>,
    same_import: bool,
    open: bool,
    changed: bool,
    withdrawn: Option<Withdrawn>,
}

/// A member who was withdrawn, and what this import makes of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Withdrawn {
    /// It stays so; whether it was never released.
    Stays(bool),
    /// A line of this import is to take it in.
    ToTakeIn,
    /// One has.
    TakenIn,
}

impl Chunk {
    /// Merges every line, in the file's order, into a new or a known member.
    pub(super) fn merge(
        self,
        known: Vec<KnownRow>,
        order: &[String],
        totals: &mut Totals,
        findings: &mut Findings,
    ) -> Merged {
        let mut others = Vec::new();
        let mut slots: Vec<Slot> = known.into_iter().map(|row| Slot::of_known(row, self.take_in)).collect();
        let mut at: HashMap<String, usize> =
            slots.iter().enumerate().map(|(n, slot)| (slot.member.member_no.clone(), n)).collect();
        for (line, entry) in self.entries {
            let there = at.get(&entry.member.member_no).copied();
            if there.is_some_and(|n| roster::another_person(&slots[n].member, &entry.member)) {
                others.push(RefusedLine { number: line, reason: Refusal::AnotherPerson, raw: entry.raw });
                continue;
            }
            findings.of_entry(line, &entry);
            if let Some(n) = there {
                slots[n].take(line, &entry, order, totals, findings);
            } else {
                at.insert(entry.member.member_no.clone(), slots.len());
                slots.push(Slot::of_entry(entry, totals));
            }
        }
        let (new, changed, taken_in) = rows(slots);
        Merged { new, changed, taken_in, others }
    }
}

impl Slot {
    fn of_known(row: KnownRow, take_in: bool) -> Self {
        let can_be_held = row.never_released && row.status.after(Event::TakeIn).is_ok();
        let made = if take_in && can_be_held { Withdrawn::ToTakeIn } else { Withdrawn::Stays(can_be_held) };
        // The reason is written anew only when a line merges, and then that line brings it.
        let unreachable = row.member.email.is_none().then(|| "blank".to_owned());
        Self {
            row: Some(row.id),
            open: row.status == Status::Held,
            same_import: row.same_import,
            member: row.member,
            given_email: String::new(),
            unreachable,
            changed: false,
            withdrawn: Some(made).filter(|_| row.status == Status::Withdrawn),
        }
    }

    fn of_entry(entry: Entry, totals: &mut Totals) -> Self {
        let unreachable = entry.unreachable.map(reason);
        *(if unreachable.is_some() { &mut totals.unreachable } else { &mut totals.imported }) += 1;
        let (member, given_email) = (entry.member, entry.given_email);
        let (same_import, open, changed) = (true, true, true);
        Self { row: None, member, given_email, unreachable, same_import, open, changed, withdrawn: None }
    }

    fn take(&mut self, line: u64, entry: &Entry, order: &[String], totals: &mut Totals, findings: &mut Findings) {
        match self.withdrawn {
            Some(Withdrawn::Stays(can_be_held)) => {
                totals.already_present += 1;
                return findings.withdrawn(line, &self.member.member_no, can_be_held);
            }
            Some(Withdrawn::ToTakeIn) => {
                totals.merged += 1;
                findings.taken_in(line, &self.member.member_no);
                return self.take_in(entry);
            }
            Some(Withdrawn::TakenIn) | None => {}
        }
        let known = Known {
            member: std::mem::take(&mut self.member),
            same_import: self.same_import || self.withdrawn == Some(Withdrawn::TakenIn),
            status_is_open: self.open,
            reachable: self.unreachable.is_none(),
        };
        let found = match roster::merge(&known, entry, order) {
            Merge::Merged { member, findings } => {
                totals.merged += 1;
                self.changed |= member != known.member;
                self.member = member;
                self.settle_address(entry, totals);
                findings
            }
            Merge::AlreadyPresent { findings } => {
                totals.already_present += 1;
                self.member = known.member;
                findings
            }
        };
        for finding in found {
            findings.of_merge(line, &self.member.member_no, finding, entry);
        }
    }

    /// The roster that the member was taken out of may have been wrong: what this one says counts, whole.
    fn take_in(&mut self, entry: &Entry) {
        self.member = entry.member.clone();
        self.given_email.clone_from(&entry.given_email);
        self.unreachable = entry.unreachable.map(reason);
        self.withdrawn = Some(Withdrawn::TakenIn);
    }

    /// A line of this same import may bring the address that an earlier one lacked: the member is then imported.
    fn settle_address(&mut self, entry: &Entry, totals: &mut Totals) {
        if self.unreachable.is_none() {
            return;
        }
        self.unreachable = entry.unreachable.map(reason);
        if self.unreachable.is_none() {
            self.given_email.clone_from(&entry.given_email);
            if self.same_import {
                totals.unreachable -= 1;
                totals.imported += 1;
            }
        }
    }
}

fn rows(slots: Vec<Slot>) -> (Vec<NewRow>, Vec<MergedRow>, Vec<MergedRow>) {
    let (mut new, mut merged, mut taken_in) = (Vec::new(), Vec::new(), Vec::new());
    for Slot { row, member, given_email, unreachable, changed, withdrawn, .. } in slots {
        match row {
            None => new.push(NewRow { member, given_email, unreachable }),
            Some(id) if withdrawn == Some(Withdrawn::TakenIn) => {
                taken_in.push(MergedRow { id, member, given_email: Some(given_email), unreachable });
            }
            Some(id) if changed => {
                let given_email = Some(given_email).filter(|given| !given.is_empty());
                merged.push(MergedRow { id, member, given_email, unreachable });
            }
            Some(_) => {}
        }
    }
    (new, merged, taken_in)
}

/// The word of `affected_members.reason`: `blank`, `no_at`, `dots` …
fn reason(problem: AddressProblem) -> String {
    let AddressProblem::Invalid { reason } = problem else { return "blank".to_owned() };
    serde_json::to_value(reason).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
