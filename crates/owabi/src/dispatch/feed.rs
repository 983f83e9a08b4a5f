//! The claimed rows that wait in memory, and the order in which relays may take them.
//!
//! Domains with a limit wait in a lane of their own, so that a slow carrier never blocks the others. Time is an argument.

mod lane;

use super::job::Job;
use super::pace::to_ms;
use crate::config::DomainLimit;
use lane::Lane;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How far one relay may run ahead of its share, in mails.
const AHEAD: f64 = 50.0;

/// What one relay gets of the mails.
#[derive(Clone, Copy, Debug)]
struct Share {
    weight: u32,
    taken: f64,
    up: bool,
}

#[derive(Debug, Default)]
struct Inner {
    free: VecDeque<Job>,
    lanes: HashMap<String, Lane>,
    shares: Vec<Share>,
    /// Jobs handed to couriers and not yet settled or put back.
    out: usize,
    /// Jobs handed to couriers so far.
    taken: u64,
    closed: bool,
}

/// The rows in memory.
#[derive(Debug)]
pub(super) struct Feed {
    inner: Mutex<Inner>,
    /// Couriers wait here for work.
    pub(super) work: Notify,
    /// The claimer waits here for room.
    pub(super) room: Notify,
}

/// A job in a courier's hands. Dropping it says that it is settled, given back or, after a panic, left to its lease.
#[derive(Debug)]
pub(super) struct Held {
    job: Job,
    feed: Arc<Feed>,
}

impl std::ops::Deref for Held {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.job
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.feed.finished(self.job.address.domain());
    }
}

/// What a courier gets.
#[derive(Debug)]
pub(super) enum Taken {
    /// Up to as many as asked for.
    Jobs(Vec<Held>),
    /// Nothing now; look again at this time (epoch milliseconds), or when notified.
    Later(Option<i64>),
    /// Nothing will come any more.
    Closed,
}

impl Feed {
    pub(super) fn new(limits: &[DomainLimit], weights: &[u32]) -> Self {
        let lanes = limits.iter().map(|limit| (limit.domain.clone(), Lane::new(limit))).collect();
        let shares = weights.iter().map(|weight| Share { weight: *weight, taken: 0.0, up: true }).collect();
        let inner = Inner { lanes, shares, ..Inner::default() };
        Self { inner: Mutex::new(inner), work: Notify::new(), room: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes claimed rows in. Rows over a lane's limit come back with the time at which they will have their turn.
    pub(super) fn put(&self, jobs: Vec<Job>, now: i64) -> Vec<(Job, i64)> {
        let mut inner = self.lock();
        let mut over = Vec::new();
        for job in jobs {
            match inner.lanes.get_mut(job.address.domain()) {
                None => inner.free.push_back(job),
                Some(lane) if lane.waiting.len() < lane.holds() => lane.waiting.push_back(job),
                Some(lane) => {
                    let at = lane.later(now);
                    over.push((job, at));
                }
            }
        }
        drop(inner);
        self.work.notify_waiters();
        over
    }

    /// Hands out up to `most` jobs to relay number `relay`.
    pub(super) fn take(self: &Arc<Self>, relay: usize, most: usize, now: i64) -> Taken {
        let mut inner = self.lock();
        if inner.closed {
            return Taken::Closed;
        }
        if !inner.may_take(relay) {
            return Taken::Later(Some(now + 50));
        }
        let jobs = inner.pick(most, now);
        if jobs.is_empty() {
            return Taken::Later(inner.next_turn(now));
        }
        inner.out += jobs.len();
        inner.taken += jobs.len() as u64;
        inner.shares[relay].taken += jobs.len() as f64;
        let low = inner.free.len() <= most;
        drop(inner);
        if low {
            self.room.notify_one();
        }
        Taken::Jobs(jobs.into_iter().map(|job| Held { job, feed: Arc::clone(self) }).collect())
    }

    /// The job is out of the courier's hands.
    fn finished(&self, domain: &str) {
        let mut inner = self.lock();
        inner.out = inner.out.saturating_sub(1);
        let freed = inner.lanes.get_mut(domain).is_some_and(|lane| {
            lane.under_way = lane.under_way.saturating_sub(1);
            !lane.waiting.is_empty()
        });
        let idle = inner.out == 0;
        drop(inner);
        if freed {
            self.work.notify_waiters();
        }
        if idle {
            self.room.notify_one();
        }
    }

    /// Rows without a lane that wait.
    pub(super) fn free_len(&self) -> usize {
        self.lock().free.len()
    }

    /// Jobs handed to couriers so far.
    pub(super) fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// Whether [`Feed::take`] would hand out a job to this relay.
    pub(super) fn has_for(&self, relay: usize, now: i64) -> bool {
        let inner = self.lock();
        !inner.closed && inner.may_take(relay) && inner.has_turn(now)
    }

    /// Jobs with couriers.
    pub(super) fn out(&self) -> usize {
        self.lock().out
    }

    /// Everything in memory: waiting or with a courier.
    pub(super) fn len(&self) -> usize {
        let inner = self.lock();
        inner.out + inner.free.len() + inner.lanes.values().map(|lane| lane.waiting.len()).sum::<usize>()
    }

    /// Until when rows were sent back to the queue only because their domain's pace is slow.
    pub(super) fn paced_until(&self) -> i64 {
        self.lock().lanes.values().map(|lane| to_ms(lane.back_until)).max().unwrap_or(0)
    }

    /// Relay number `relay` can or cannot be used; the others' shares change with it.
    pub(super) fn set_up(&self, relay: usize, up: bool) {
        let mut inner = self.lock();
        if inner.shares[relay].up == up {
            return;
        }
        inner.shares[relay].up = up;
        inner.shares.iter_mut().for_each(|share| share.taken = 0.0);
        drop(inner);
        self.work.notify_waiters();
    }

    /// Whether mails of this domain wait or are under way.
    pub(super) fn lane_works(&self, domain: &str) -> bool {
        self.lock().lanes.get(domain).is_some_and(|lane| lane.under_way > 0 || !lane.waiting.is_empty())
    }

    /// This daemon's part of a domain's rate, in mails a second.
    pub(super) fn set_lane_rate(&self, domain: &str, rate: f64) {
        self.on_lane(domain, |lane| lane.turns.rate = Some(rate));
    }

    /// No more than this rate from now on.
    pub(super) fn lower_lane_rate(&self, domain: &str, rate: f64) {
        self.on_lane(domain, |lane| lane.turns.rate = lane.turns.rate.map(|now| now.min(rate)));
    }

    /// This daemon's part of a domain's mails under way.
    pub(super) fn set_lane_concurrency(&self, domain: &str, most: usize) {
        self.on_lane(domain, |lane| lane.concurrency = most);
    }

    /// No more than this many from now on. Returns how many are under way still.
    pub(super) fn lower_lane_concurrency(&self, domain: &str, most: usize) -> usize {
        let lowered = self.on_lane(domain, |lane| {
            lane.concurrency = lane.concurrency.min(most);
            lane.under_way
        });
        lowered.unwrap_or(0)
    }

    fn on_lane<T>(&self, domain: &str, change: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        self.lock().lanes.get_mut(domain).map(change)
    }

    /// Takes back the waiting rows whose lease ends before `until`. The oldest wait in front.
    pub(super) fn expired(&self, until: i64) -> Vec<Job> {
        let mut inner = self.lock();
        let Inner { free, lanes, .. } = &mut *inner;
        let mut expired = Vec::new();
        for queue in std::iter::once(free).chain(lanes.values_mut().map(|lane| &mut lane.waiting)) {
            while queue.front().is_some_and(|job| job.row.lease_until < until) {
                expired.extend(queue.pop_front());
            }
        }
        expired
    }

    /// Takes back what waits of notices that were stopped.
    pub(super) fn stopped(&self) -> Vec<Job> {
        let mut inner = self.lock();
        let Inner { free, lanes, .. } = &mut *inner;
        let mut stopped = Vec::new();
        for queue in std::iter::once(free).chain(lanes.values_mut().map(|lane| &mut lane.waiting)) {
            if queue.iter().any(|job| job.run.is_stopped()) {
                let (out, stay) = queue.drain(..).partition::<Vec<_>, _>(|job| job.run.is_stopped());
                queue.extend(stay);
                stopped.extend(out);
            }
        }
        stopped
    }

    /// Takes back everything that waits.
    pub(super) fn drain(&self) -> Vec<Job> {
        let mut inner = self.lock();
        let mut jobs: Vec<Job> = inner.free.drain(..).collect();
        inner.lanes.values_mut().for_each(|lane| jobs.extend(lane.waiting.drain(..)));
        jobs
    }

    /// Nothing will come any more; couriers go home.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_waiters();
    }
}

impl Inner {
    /// Weighted shares among the relays that are up; a standby (weight 0) works only when all others are down.
    fn may_take(&self, relay: usize) -> bool {
        let own = self.shares[relay];
        let working = || self.shares.iter().filter(|share| share.up && share.weight > 0);
        if own.weight == 0 {
            return working().next().is_none();
        }
        let behind = working().map(|share| share.taken / f64::from(share.weight)).fold(f64::INFINITY, f64::min);
        own.taken / f64::from(own.weight) <= behind + AHEAD
    }

    fn pick(&mut self, most: usize, now: i64) -> Vec<Job> {
        let mut jobs = Vec::new();
        for lane in self.lanes.values_mut() {
            if jobs.len() == most {
                return jobs;
            }
            jobs.extend(lane.take(now));
        }
        let free = self.free.len().min(most - jobs.len());
        jobs.extend(self.free.drain(..free));
        jobs
    }

    /// Somebody has their turn.
    fn has_turn(&self, now: i64) -> bool {
        let turn = |lane: &Lane| !lane.waiting.is_empty() && lane.has_room() && lane.turns.next_at(now) <= now;
        !self.free.is_empty() || self.lanes.values().any(turn)
    }

    /// When the next lane that only waits for its rate has its turn.
    fn next_turn(&self, now: i64) -> Option<i64> {
        let waiting = self.lanes.values().filter(|lane| !lane.waiting.is_empty() && lane.has_room());
        waiting.map(|lane| lane.turns.next_at(now) + 1).min()
    }
}

#[cfg(test)]
mod tests;
