//! Where each member must stand by what the ledger says of them last: one octet a member.

use owabi_core::ledger::{Body, Entry};
use owabi_core::lifecycle::Status;
use owabi_store::MemberPlace;
use std::collections::HashMap;

/// Members whose standings lie together.
const PAGE: usize = 4_096;

/// A member whose row says something else than the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The row's id.
    pub id: i64,
    /// The member's number.
    pub member_no: String,
    /// The notice.
    pub notice_id: String,
    /// The status that stands in the row.
    pub status: String,
}

/// What the ledger says last of each member.
#[derive(Default)]
pub(crate) struct Standings {
    pages: HashMap<i64, Box<[u8; PAGE]>>,
    /// Entries up to this one do not tell of every change of a status: they are older than that.
    told_from: i64,
}

/// 0: nothing. Else what a row's status may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    Nothing,
    Waiting,
    Held,
    At(Status),
}

impl Stands {
    /// What an entry says; `Nothing` when it does not speak of a status.
    pub(crate) fn of(entry: &Entry) -> Self {
        match (&entry.body, entry.kind.as_str()) {
            (Body::Attempt(row), _) => match row.attempt.outcome.as_str() {
                "deferred" | "not_sent" => Self::Waiting,
                other => Self::of_word(other),
            },
            (Body::Told(text), "status") => {
                #[derive(serde::Deserialize)]
                struct Change {
                    to: String,
                }
                serde_json::from_str(text).map_or(Self::Nothing, |change: Change| Self::of_word(&change.to))
            }
            _ => Self::Nothing,
        }
    }

    fn of_word(word: &str) -> Self {
        match word.parse::<Status>() {
            Ok(Status::Queued | Status::Sending) => Self::Waiting,
            Ok(Status::Held) => Self::Held,
            Ok(status) => Self::At(status),
            Err(_) => Self::Nothing,
        }
    }

    fn allows(self, status: Status) -> bool {
        let waiting = matches!(status, Status::Queued | Status::Sending);
        match self {
            Self::Nothing => waiting || matches!(status, Status::Held | Status::Unreachable),
            Self::Waiting => waiting,
            Self::Held => waiting || status == Status::Held,
            Self::At(at) => at == status,
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Waiting => 1,
            Self::Held => 2,
            Self::At(status) => 3 + u8::try_from(ALL.iter().position(|one| *one == status).unwrap_or(0)).unwrap_or(0),
        }
    }

    fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Nothing,
            1 => Self::Waiting,
            2 => Self::Held,
            code => ALL.get(usize::from(code) - 3).map_or(Self::Nothing, |status| Self::At(*status)),
        }
    }
}

const ALL: [Status; 7] = [
    Status::Accepted,
    Status::Delivered,
    Status::Failed,
    Status::Bounced,
    Status::InDoubt,
    Status::Unreachable,
    Status::Withdrawn,
];

/// The page of a row's id, and its place in it.
fn place(member_id: i64) -> (i64, usize) {
    (member_id >> PAGE.trailing_zeros(), usize::try_from(member_id & 0xfff).unwrap_or(0))
}

impl Standings {
    pub(crate) fn new(told_from: i64) -> Self {
        Self { told_from, ..Self::default() }
    }

    /// Takes what the entry `seq` says of a member. Entries of one member come in their order.
    pub(crate) fn take(&mut self, seq: i64, member_id: i64, stands: Stands) {
        if stands == Stands::Nothing || seq <= self.told_from {
            return;
        }
        let (page, place) = place(member_id);
        self.pages.entry(page).or_insert_with(|| Box::new([0; PAGE]))[place] = stands.code();
    }

    fn stands(&self, member_id: i64) -> Stands {
        let (page, place) = place(member_id);
        self.pages.get(&page).map_or(Stands::Nothing, |page| Stands::of_code(page[place]))
    }

    /// The member, when its row says something that the ledger does not.
    pub(crate) fn misplaced(&self, row: &MemberPlace) -> Option<Misplaced> {
        let MemberPlace { id, member_no, notice_id, status } = row.clone();
        (!self.allows(id, &status)).then_some(Misplaced { id, member_no, notice_id, status })
    }

    /// Whether the row of a member may say `status`.
    pub(crate) fn allows(&self, member_id: i64, status: &str) -> bool {
        let stands = self.stands(member_id);
        let untold = stands == Stands::Nothing && self.told_from > 0;
        untold || status.parse::<Status>().is_ok_and(|status| stands.allows(status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_ledger_says_last_of_a_member_is_what_its_row_may_say() {
        let mut standings = Standings::new(0);
        let row = |id, status: &str| MemberPlace {
            id,
            member_no: format!("M{id}"),
            notice_id: "n".into(),
            status: status.into(),
        };
        let right = |standings: &Standings, id, status| standings.misplaced(&row(id, status)).is_none();
        assert!(right(&standings, 1, "held") && right(&standings, 1, "queued") && !right(&standings, 1, "accepted"));
        for status in ALL {
            standings.take(1, 5_000, Stands::At(status));
            assert!(right(&standings, 5_000, status.as_str()) && !right(&standings, 5_000, "queued"), "{status:?}");
            assert_eq!(ALL.iter().filter(|other| right(&standings, 5_000, other.as_str())).count(), 1);
        }
        standings.take(2, 5_000, Stands::Waiting);
        assert!(right(&standings, 5_000, "sending") && !right(&standings, 5_000, "held"));
        standings.take(3, 5_000, Stands::Nothing);
        assert!(right(&standings, 5_000, "queued") && !right(&standings, 5_000, "what"));
        assert!(right(&standings, 5_001, "held"));
    }

    #[test]
    fn members_who_were_not_touched_since_changes_are_told_are_not_judged() {
        let mut standings = Standings::new(10);
        standings.take(10, 1, Stands::Waiting);
        let row = MemberPlace { id: 1, member_no: "M1".into(), notice_id: "n".into(), status: "withdrawn".into() };
        assert_eq!(standings.misplaced(&row), None);
        standings.take(11, 1, Stands::Waiting);
        assert_eq!(standings.misplaced(&row).unwrap().member_no, "M1");
    }
}
