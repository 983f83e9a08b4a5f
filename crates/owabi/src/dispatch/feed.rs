//! The claimed rows that wait in memory, and the order in which relays may take them.
//!
//! Domains with a limit wait in a lane of their own, so that a slow carrier never blocks the others. Time is an argument.

use super::job::Job;
use super::pace::Turns;
use crate::config::DomainLimit;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How far one relay may run ahead of its share, in mails.
const AHEAD: f64 = 50.0;
/// A lane holds this many seconds of its rate; what is over goes back to the queue with a later time.
const LANE_SECONDS: f64 = 60.0;
/// A lane without a rate holds this many rows.
const LANE_ROWS: usize = 500;

/// What one relay gets of the mails.
#[derive(Clone, Copy, Debug)]
struct Share {
    weight: u32,
    taken: f64,
    up: bool,
}

/// A recipient domain with limits.
#[derive(Debug)]
struct Lane {
    /// The configured rate, of which `turns` has this daemon's part.
    rate: Option<f64>,
    turns: Turns,
    concurrency: usize,
    waiting: VecDeque<Job>,
    under_way: usize,
    /// When the last of the rows that were sent back to the queue is due.
    back_until: f64,
}

impl Lane {
    fn new(limit: &DomainLimit) -> Self {
        let concurrency = limit.concurrency.map_or(usize::MAX, |n| n as usize);
        let turns = Turns::new(limit.rate);
        Self { rate: limit.rate, turns, concurrency, waiting: VecDeque::new(), under_way: 0, back_until: 0.0 }
    }

    fn holds(&self) -> usize {
        self.turns.rate.map_or(LANE_ROWS, |rate| to_count(LANE_SECONDS * rate).max(10))
    }

    /// Milliseconds between two mails as far as is known now; a daemon without a part expects the whole some day.
    fn every_ms(&self) -> f64 {
        self.turns.rate.filter(|rate| *rate > 0.0).or(self.rate).map_or(0.0, |rate| 1000.0 / rate)
    }

    /// When the row that is one too many will have its turn.
    fn later(&mut self, now: i64) -> i64 {
        let every_ms = self.every_ms();
        let after_waiting = self.turns.next_at(now) as f64 + every_ms * self.waiting.len() as f64;
        self.back_until = self.back_until.max(after_waiting) + every_ms.max(1.0);
        to_ms(self.back_until)
    }

    fn has_room(&self) -> bool {
        self.under_way < self.concurrency
    }

    fn take(&mut self, now: i64) -> Option<Job> {
        if !self.has_room() || self.waiting.is_empty() || self.turns.take(now).is_err() {
            return None;
        }
        self.under_way += 1;
        self.waiting.pop_front()
    }
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

#[expect(clippy::cast_possible_truncation, reason = "times and counts are far below 2^53")]
pub(super) fn to_ms(value: f64) -> i64 {
    value as i64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive, small count")]
pub(super) fn to_count(value: f64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::super::job::tests::job;
    use super::*;

    fn limit(rate: Option<f64>, concurrency: Option<u32>) -> DomainLimit {
        DomainLimit { domain: "docomo.ne.jp".into(), rate, concurrency }
    }

    fn jobs(n: i64, domain: &str) -> Vec<Job> {
        (0..n).map(|id| job(id, &format!("u{id}@{domain}"))).collect()
    }

    fn taken(feed: &Arc<Feed>, relay: usize, most: usize, now: i64) -> Vec<Held> {
        match feed.take(relay, most, now) {
            Taken::Jobs(jobs) => jobs,
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_slow_domain_never_holds_up_the_others() {
        let feed = Arc::new(Feed::new(&[limit(Some(1.0), None)], &[1]));
        feed.put(jobs(5, "docomo.ne.jp"), 0);
        feed.put(jobs(5, "example.jp"), 0);
        let first = taken(&feed, 0, 10, 1000);
        assert_eq!(first.iter().filter(|job| job.address.domain() == "docomo.ne.jp").count(), 1);
        assert_eq!(first.len(), 6);
        assert!(taken(&feed, 0, 10, 1001).is_empty());
        assert_eq!(taken(&feed, 0, 10, 2001).len(), 1);
    }

    #[test]
    fn what_could_be_taken_is_known_without_taking_it_and_what_was_taken_is_counted() {
        let feed = Arc::new(Feed::new(&[limit(Some(1.0), Some(1))], &[1, 1]));
        assert!(!feed.has_for(0, 0));
        feed.put(jobs(2, "docomo.ne.jp"), 0);
        assert!(feed.has_for(0, 1000) && feed.has_for(1, 1000));
        let first = taken(&feed, 0, 1, 1000);
        assert!(!feed.has_for(0, 1001), "neither its turn nor room");
        assert!(!feed.has_for(0, 2001), "its turn, and no room");
        drop(first);
        assert!(!feed.has_for(0, 1001) && feed.has_for(0, 2001));
        feed.put(jobs(1, "example.jp"), 0);
        assert!(feed.has_for(0, 1001), "somebody without limits");
        assert_eq!((feed.taken(), taken(&feed, 0, 9, 2001).len(), feed.taken()), (1, 2, 3));
        feed.put(jobs(1, "example.jp"), 0);
        feed.close();
        assert!(!feed.has_for(0, 9000));
    }

    #[test]
    fn a_domain_gets_no_more_than_its_rate_over_a_minute() {
        let feed = Arc::new(Feed::new(&[limit(Some(10.0), None)], &[1]));
        feed.put(jobs(600, "docomo.ne.jp"), 0);
        let sent: usize = (0..10_000).step_by(7).map(|now| taken(&feed, 0, 50, now).len()).sum();
        assert!((95..=101).contains(&sent), "{sent}");
    }

    #[test]
    fn a_domain_has_no_more_mails_under_way_than_its_concurrency() {
        let feed = Arc::new(Feed::new(&[limit(None, Some(2))], &[1]));
        feed.put(jobs(5, "docomo.ne.jp"), 0);
        let one = taken(&feed, 0, 1, 0);
        let two = taken(&feed, 0, 10, 0);
        assert_eq!((one.len(), two.len()), (1, 1));
        assert!(taken(&feed, 0, 10, 0).is_empty());
        drop(one);
        assert_eq!(taken(&feed, 0, 10, 0).len(), 1);
    }

    #[test]
    fn a_domain_s_mails_under_way_are_counted_when_its_part_is_lowered_and_no_new_one_begins_above_it() {
        let feed = Arc::new(Feed::new(&[limit(None, Some(3))], &[1]));
        feed.put(jobs(9, "docomo.ne.jp"), 0);
        let mut out: Vec<Held> = (0..3).flat_map(|_| taken(&feed, 0, 1, 0)).collect();
        assert_eq!(feed.lower_lane_concurrency("docomo.ne.jp", 1), 3);
        out.truncate(1);
        assert!(taken(&feed, 0, 1, 0).is_empty());
        feed.set_lane_concurrency("docomo.ne.jp", 2);
        assert_eq!(taken(&feed, 0, 1, 0).len(), 1);
    }

    #[test]
    fn a_domain_without_a_part_of_the_rate_waits_keeps_few_rows_in_memory_and_goes_on_when_it_has_one() {
        let feed = Arc::new(Feed::new(&[limit(Some(30.0), None)], &[1]));
        feed.lower_lane_rate("docomo.ne.jp", 0.0);
        let over = feed.put(jobs(12, "docomo.ne.jp"), 1_000);
        assert_eq!((over.len(), feed.len()), (2, 10));
        assert!(over.iter().all(|(_, at)| (1_000..10_000).contains(at)), "due again some time soon");
        assert!(taken(&feed, 0, 1, 60_000).is_empty());
        assert!(feed.lane_works("docomo.ne.jp"));
        feed.set_lane_rate("docomo.ne.jp", 15.0);
        assert_eq!(taken(&feed, 0, 1, 60_001).len(), 1);
    }

    #[test]
    fn rows_over_a_lanes_limit_go_back_each_with_its_own_turn() {
        let feed = Arc::new(Feed::new(&[limit(Some(10.0), None)], &[1]));
        let over = feed.put(jobs(603, "docomo.ne.jp"), 0);
        assert_eq!(over.len(), 3);
        assert_eq!(over.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [60_100, 60_200, 60_300]);
        assert_eq!(feed.paced_until(), 60_300);
    }

    #[test]
    fn relays_share_by_weight_and_a_standby_works_only_when_the_others_are_down() {
        let feed = Arc::new(Feed::new(&[], &[3, 1, 0]));
        feed.put(jobs(2000, "example.jp"), 0);
        let mut shares = [0_usize; 3];
        for _ in 0..400 {
            for (relay, share) in shares.iter_mut().enumerate() {
                *share += taken(&feed, relay, 2, 0).len();
            }
        }
        assert_eq!(shares[2], 0);
        assert!(shares[0] > shares[1] * 2, "{shares:?}");
        feed.set_up(0, false);
        feed.set_up(1, false);
        assert_eq!(taken(&feed, 2, 2, 0).len(), 2);
    }

    #[test]
    fn rows_that_waited_too_long_are_taken_out_and_the_others_stay() {
        let feed = Arc::new(Feed::new(&[limit(Some(1.0), None)], &[1]));
        let with_lease = |id, domain, lease_until| {
            let mut job = job(id, &format!("u{id}@{domain}"));
            job.row.lease_until = lease_until;
            job
        };
        feed.put(vec![with_lease(1, "example.jp", 100), with_lease(2, "example.jp", 900)], 0);
        feed.put(vec![with_lease(3, "docomo.ne.jp", 100), with_lease(4, "docomo.ne.jp", 900)], 0);
        let mut expired: Vec<i64> = feed.expired(500).iter().map(|job| job.row.id).collect();
        expired.sort_unstable();
        assert_eq!((expired, feed.len()), (vec![1, 3], 2));
    }

    #[test]
    fn what_waits_of_a_stopped_notice_is_taken_out_and_the_others_keep_their_order() {
        let feed = Arc::new(Feed::new(&[limit(Some(1.0), None)], &[1]));
        let (stopped, goes_on) = (job(1, "u1@example.jp"), job(2, "u2@example.jp"));
        stopped.run.stop();
        let in_lane = Job { run: Arc::clone(&stopped.run), ..job(3, "u3@docomo.ne.jp") };
        feed.put(vec![stopped, goes_on, in_lane, job(4, "u4@example.jp")], 0);
        let ids = |jobs: &[Job]| jobs.iter().map(|job| job.row.id).collect::<Vec<_>>();
        let mut out = ids(&feed.stopped());
        out.sort_unstable();
        assert_eq!((out, ids(&feed.drain())), (vec![1, 3], vec![2, 4]));
    }

    #[test]
    fn nothing_is_forgotten_between_the_lanes_the_couriers_and_the_queue() {
        let feed = Arc::new(Feed::new(&[limit(Some(1.0), None)], &[1]));
        feed.put(jobs(3, "docomo.ne.jp"), 0);
        feed.put(jobs(4, "example.jp"), 0);
        let out = taken(&feed, 0, 3, 0);
        assert_eq!((out.len(), feed.len()), (3, 7));
        drop(out);
        assert_eq!((feed.len(), feed.drain().len(), feed.len()), (4, 4, 0));
    }
}
