//! Whether the dispatcher as a whole goes on: a row that could be handed to a relay is handed to one, and a mail under way comes
//! to an end.
//!
//! A row could be handed out when it has its turn, a relay may be used and has a free seat, this daemon may begin mails, and the
//! database takes notes. Then some courier waits for nothing else, and takes it within moments. A mail under way waits for its
//! relay, which has its deadlines, for the database, or for the relay's pace. Only if nothing moves for longer than these may
//! take, something is wedged that no single loop shows.

use super::courier::Shared;
use super::desk::{Desk, Leave};
use crate::clock::{monotonic, now_ms};
use crate::service::Pulse;
use std::sync::Arc;
use std::time::Duration;

/// From one look to the next.
const EVERY: Duration = Duration::from_secs(1);

/// What is to be proven.
pub(super) struct Proofs {
    /// Rows that could be handed out are.
    pub(super) handing_out: Pulse,
    /// Mails under way come to an end.
    pub(super) under_way: Pulse,
}

/// What is seen at a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Mails handed to couriers so far.
    taken: u64,
    /// Mails that couriers have.
    under_way: usize,
    /// Attempts that came to an end, however.
    ended: u64,
    /// The database takes no notes.
    away: bool,
    /// A relay's next mail has its turn later.
    paced: bool,
    /// A row could be handed out now.
    could_take: bool,
}

impl Seen {
    fn at(shared: &Shared, desks: &[Arc<Desk>], now: i64) -> Self {
        let away = shared.database.is_away();
        let works = |desk: &Desk| !matches!(desk.look(now), Leave::Wait(_)) && desk.seats.is_free();
        let takes = |desk: &Arc<Desk>| works(desk) && shared.feed.has_for(desk.number, now);
        Self {
            taken: shared.feed.taken(),
            under_way: shared.feed.out(),
            ended: shared.counters.total(),
            away,
            paced: desks.iter().any(|desk| desk.is_paced(now)),
            could_take: !away && shared.fleet.is_valid(monotonic()) && desks.iter().any(takes),
        }
    }

    /// Rows are handed out, or none could be.
    fn hands_out(self, before: Self) -> bool {
        self.taken != before.taken || !self.could_take
    }

    /// Mails under way move, there is none, or they wait for what may take any time.
    fn moves(self, before: Self) -> bool {
        let moved = |of: Self| (of.taken, of.under_way, of.ended);
        self.under_way == 0 || self.away || self.paced || moved(self) != moved(before)
    }
}

/// Looks until it is aborted.
pub(super) async fn work(shared: Shared, desks: Vec<Arc<Desk>>, proofs: Proofs) {
    let mut before = Seen::default();
    loop {
        let seen = Seen::at(&shared, &desks, now_ms());
        if seen.hands_out(before) {
            proofs.handing_out.beat();
        }
        if seen.moves(before) {
            proofs.under_way.beat();
        }
        before = seen;
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_nobody_takes_though_somebody_could_is_no_proof() {
        let before = Seen { taken: 7, could_take: true, ..Seen::default() };
        assert!(!before.hands_out(before));
        assert!(Seen { taken: 8, ..before }.hands_out(before));
        assert!(Seen { could_take: false, ..before }.hands_out(before));
    }

    #[test]
    fn mails_under_way_prove_something_only_by_their_beginnings_and_ends() {
        let before = Seen { taken: 7, under_way: 4, ended: 3, ..Seen::default() };
        assert!(!before.moves(before), "all seats are taken, and nobody goes on");
        assert!(!Seen { could_take: true, ..before }.moves(before));
        assert!(Seen { taken: 8, ..before }.moves(before));
        assert!(Seen { ended: 4, ..before }.moves(before));
        assert!(Seen { under_way: 3, ..before }.moves(before), "given back untried");
    }

    #[test]
    fn nobody_is_blamed_where_no_mail_is_under_way_the_database_is_away_or_the_relay_s_pace_is_waited_for() {
        let before = Seen { taken: 7, under_way: 4, ended: 3, ..Seen::default() };
        assert!(Seen { away: true, ..before }.moves(before));
        assert!(Seen { paced: true, ..before }.moves(before));
        let none = Seen { under_way: 0, ..before };
        assert!(none.moves(none));
    }
}
