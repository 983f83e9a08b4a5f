//! How many connections to one relay this daemon may have, and has.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

#[derive(Debug)]
struct Counts {
    most: usize,
    taken: usize,
    /// Taken by connections that end after the mails they have.
    leaving: usize,
}

/// One relay's seats: a courier needs one to connect.
#[derive(Debug)]
pub(super) struct Seats {
    counts: Mutex<Counts>,
    /// Couriers without a seat wait here.
    pub(super) freed: Notify,
}

/// One seat, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    leaving: bool,
}

impl Seats {
    pub(super) fn new(most: usize) -> Self {
        let counts = Counts { most, taken: 0, leaving: 0 };
        Self { counts: Mutex::new(counts), freed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat, when one is free.
    pub(super) fn sit(self: &Arc<Self>) -> Option<Seat> {
        let mut counts = self.lock();
        if counts.taken >= counts.most {
            return None;
        }
        counts.taken += 1;
        Some(Seat { seats: Arc::clone(self), leaving: false })
    }

    /// Whether a courier would get one.
    pub(super) fn is_free(&self) -> bool {
        let counts = self.lock();
        counts.taken < counts.most
    }

    /// Whether there are seats at all, free or taken.
    pub(super) fn any(&self) -> bool {
        self.lock().most > 0
    }

    /// So many seats, from now on.
    pub(super) fn set(&self, most: usize) {
        self.lock().most = most;
        self.freed.notify_waiters();
    }

    /// No more than this many seats from now on. Returns how many are taken still.
    pub(super) fn lower(&self, most: usize) -> usize {
        let mut counts = self.lock();
        counts.most = counts.most.min(most);
        counts.taken
    }
}

impl Seat {
    /// Whether its connection may begin further mails: once more are taken than there are, as many as are too many leave.
    pub(super) fn stays(&mut self, valid: bool) -> bool {
        let mut counts = self.seats.lock();
        let too_many = counts.taken - counts.leaving > counts.most;
        if !self.leaving && (too_many || !valid) {
            self.leaving = true;
            counts.leaving += 1;
        }
        !self.leaving
    }

    /// What [`Seat::stays`] said last.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.seats.lock();
        counts.taken -= 1;
        counts.leaving -= usize::from(self.leaving);
        drop(counts);
        self.seats.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_connections_than_seats() {
        let seats = Arc::new(Seats::new(2));
        let taken = (seats.sit(), seats.sit());
        assert!(taken.0.is_some() && taken.1.is_some() && seats.sit().is_none());
        drop(taken.0);
        assert!(seats.sit().is_some());
    }

    #[test]
    fn when_seats_become_fewer_exactly_the_ones_too_many_leave_and_none_is_taken_meanwhile() {
        let seats = Arc::new(Seats::new(5));
        let mut taken: Vec<Seat> = (0..5).filter_map(|_| seats.sit()).collect();
        assert_eq!(seats.lower(2), 5);
        let stay: Vec<bool> = taken.iter_mut().map(|seat| seat.stays(true)).collect();
        assert_eq!(stay, [false, false, false, true, true]);
        assert!(taken.iter_mut().map(|seat| seat.stays(true)).eq(stay), "asked twice, the same leave");
        taken.drain(..2);
        assert!(seats.sit().is_none());
        taken.remove(0);
        assert_eq!((seats.lower(9), seats.sit().is_none()), (2, true));
        seats.set(3);
        assert!(seats.sit().is_some());
    }

    #[test]
    fn without_a_valid_beat_everybody_leaves() {
        let seats = Arc::new(Seats::new(2));
        let mut seat = seats.sit().unwrap();
        assert!(seat.stays(true));
        assert!(!seat.stays(false));
        assert!(!seat.stays(true), "who has said goodbye goes");
    }
}
