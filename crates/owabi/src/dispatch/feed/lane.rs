//! The waiting mails of one recipient domain that has limits.

use super::super::job::Job;
use super::super::pace::{Turns, to_count, to_ms};
use crate::config::DomainLimit;
use std::collections::VecDeque;

/// A lane holds this many seconds of its rate; what is over goes back to the queue with a later time.
const LANE_SECONDS: f64 = 60.0;
/// A lane without a rate holds this many rows.
const LANE_ROWS: usize = 500;

/// A recipient domain with limits.
#[derive(Debug)]
pub(super) struct Lane {
    /// The configured rate, of which `turns` has this daemon's part.
    rate: Option<f64>,
    pub(super) turns: Turns,
    pub(super) concurrency: usize,
    pub(super) waiting: VecDeque<Job>,
    pub(super) under_way: usize,
    /// When the last of the rows that were sent back to the queue is due.
    pub(super) back_until: f64,
}

impl Lane {
    pub(super) fn new(limit: &DomainLimit) -> Self {
        let concurrency = limit.concurrency.map_or(usize::MAX, |n| n as usize);
        let turns = Turns::new(limit.rate);
        Self { rate: limit.rate, turns, concurrency, waiting: VecDeque::new(), under_way: 0, back_until: 0.0 }
    }

    pub(super) fn holds(&self) -> usize {
        self.turns.rate.map_or(LANE_ROWS, |rate| to_count(LANE_SECONDS * rate).max(10))
    }

    /// Milliseconds between two mails as far as is known now; a daemon without a part expects the whole some day.
    fn every_ms(&self) -> f64 {
        self.turns.rate.filter(|rate| *rate > 0.0).or(self.rate).map_or(0.0, |rate| 1000.0 / rate)
    }

    /// When the row that is one too many will have its turn.
    pub(super) fn later(&mut self, now: i64) -> i64 {
        let every_ms = self.every_ms();
        let after_waiting = self.turns.next_at(now) as f64 + every_ms * self.waiting.len() as f64;
        self.back_until = self.back_until.max(after_waiting) + every_ms.max(1.0);
        to_ms(self.back_until)
    }

    pub(super) fn has_room(&self) -> bool {
        self.under_way < self.concurrency
    }

    pub(super) fn take(&mut self, now: i64) -> Option<Job> {
        if !self.has_room() || self.waiting.is_empty() || self.turns.take(now).is_err() {
            return None;
        }
        self.under_way += 1;
        self.waiting.pop_front()
    }
}
