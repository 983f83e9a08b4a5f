//! What a further line means for a member who is already known.

use super::Entry;
use crate::member::Member;
use serde::{Deserialize, Serialize};

/// A member as the queue has them.
#[derive(Clone, Debug)]
pub struct Known {
    /// The member.
    pub member: Member,
    /// Whether this import brought the member, too.
    pub same_import: bool,
    /// Whether the notice has not left yet (held), so that what is learnt now can still be told.
    pub status_is_open: bool,
    /// Whether the member has a usable address.
    pub reachable: bool,
}

/// What to do with the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The member becomes this.
    Merged {
        /// The member with what the line adds, which may be nothing.
        member: Member,
        /// What a person should look at.
        findings: Vec<Finding>,
    },
    /// The member stays as known.
    AlreadyPresent {
        /// What a person should look at.
        findings: Vec<Finding>,
    },
}

/// Something in a further line that a person should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The same member number with another name. The known name stays.
    NameDiffers,
    /// Another usable address. The known one stays.
    AddressDiffers,
    /// The member had no usable address, and this line brought one, which was taken.
    AddressTaken,
    /// A payment that the notice could not name, because it had already been sent.
    FurtherPaymentAfterSend,
}

/// Decides what `entry` means for a `known` member with the same number. `order` is the notice's cohort ids in its order.
///
/// Lines of one import always merge, even when they add nothing. A line of a later import merges when it adds something
/// and the notice can still say it, or when it makes an unreachable member reachable; else the member is already present.
pub fn merge(known: &Known, entry: &Entry, order: &[String]) -> Merge {
    let mut findings = differences(known, entry);
    let further = adds(&known.member, &entry.member);
    let takes_address = findings.contains(&Finding::AddressTaken);
    // Nothing was sent to an unreachable member: whatever is learnt now can go into the letter.
    let open = known.same_import || known.status_is_open || !known.reachable;
    if known.same_import || takes_address || (further && open) {
        return Merge::Merged { member: union(known, &entry.member, order), findings };
    }
    if further && !open {
        findings.push(Finding::FurtherPaymentAfterSend);
    }
    Merge::AlreadyPresent { findings }
}

/// Whether a line with the member number of `known` is about somebody else: another name, and another address. One of them
/// alone may have changed (a marriage, a new mailbox); a member without usable address differs from one with it.
pub fn another_person(known: &Member, line: &Member) -> bool {
    known.name != line.name && known.email != line.email
}

fn differences(known: &Known, entry: &Entry) -> Vec<Finding> {
    let mut findings = Vec::new();
    if known.member.name != entry.member.name {
        findings.push(Finding::NameDiffers);
    }
    match &entry.member.email {
        Some(_) if !known.reachable => findings.push(Finding::AddressTaken),
        Some(email) if known.member.email.as_ref() != Some(email) => findings.push(Finding::AddressDiffers),
        _ => {}
    }
    findings
}

fn adds(known: &Member, line: &Member) -> bool {
    let payment = line.payments.iter().any(|payment| !known.payments.contains(payment));
    payment || line.cohorts.iter().any(|cohort| !known.cohorts.contains(cohort))
}

fn union(known: &Known, line: &Member, order: &[String]) -> Member {
    let mut member = known.member.clone();
    if !known.reachable && line.email.is_some() {
        member.email.clone_from(&line.email);
    }
    member.payments.extend(line.payments.iter().cloned());
    member.payments.sort();
    member.payments.dedup();
    let new = |cohort: &&String| !known.member.cohorts.contains(cohort);
    member.cohorts.extend(line.cohorts.iter().filter(new).cloned());
    member.cohorts.sort_by_key(|cohort| order.iter().position(|id| id == cohort).unwrap_or(usize::MAX));
    for (header, value) in &line.fields {
        member.fields.entry(header.clone()).or_insert_with(|| value.clone());
    }
    member
}
