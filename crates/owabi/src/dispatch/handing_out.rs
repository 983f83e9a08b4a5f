//! Whether the dispatcher as a whole goes on: a row that could be handed to a relay is handed to one.
//!
//! It could be when it has its turn, a relay may be used and has a free seat, this daemon may begin mails, and the database takes
//! notes. Then some courier waits for nothing else, and takes it within moments. Only if nobody takes any row for as long as the
//! database may be silent, something is wedged that no single loop shows.

use super::courier::Shared;
use super::desk::{Desk, Leave};
use crate::clock::{monotonic, now_ms};
use crate::service::Pulse;
use std::sync::Arc;
use std::time::Duration;

/// From one look to the next.
const EVERY: Duration = Duration::from_secs(1);

/// Looks until it is aborted.
pub(super) async fn work(shared: Shared, desks: Vec<Arc<Desk>>, pulse: Pulse) {
    let mut before = None;
    loop {
        let taken = shared.feed.taken();
        if before != Some(taken) || !could_go_on(&shared, &desks, now_ms()) {
            pulse.beat();
        }
        before = Some(taken);
        tokio::time::sleep(EVERY).await;
    }
}

fn could_go_on(shared: &Shared, desks: &[Arc<Desk>], now: i64) -> bool {
    let may_begin = !shared.database.is_away() && shared.fleet.is_valid(monotonic());
    let works = |desk: &Desk| !matches!(desk.look(now), Leave::Wait(_)) && desk.seats.is_free();
    may_begin && desks.iter().any(|desk| works(desk) && shared.feed.has_for(desk.number, now))
}
