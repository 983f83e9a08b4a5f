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
