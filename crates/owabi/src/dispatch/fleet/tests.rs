use super::super::desk::Pauses;
use super::super::job::tests::job;
use super::super::seats::Seat;
use super::*;
use crate::config::Relay as RelayLimits;
use owabi_core::outcome::{Fault, FaultKind, Phase};
use owabi_core::text::Text;
use owabi_smtp::relay::Relay;

const DOMAIN: &str = "docomo.ne.jp";

/// Daemons on one table, as the store keeps it, and a time that the test moves.
struct Fleet {
    members: Vec<Member>,
    rows: BTreeMap<String, DaemonRow>,
    now: Instant,
}

fn pauses() -> Pauses {
    Pauses { first_ms: 1_000, max_ms: 8_000 }
}

fn member(id: &str, connections: u32) -> Member {
    let mut config = Config::default();
    let relay =
        RelayLimits { name: "main".into(), max_connections: connections, rate: Some(8.0), ..RelayLimits::default() };
    config.smtp.relays = vec![relay];
    let desk = Desk::new(0, Relay::new("main", "127.0.0.1", 25), connections as usize, Some(8.0), pauses());
    let feed = Arc::new(Feed::new(&config.pacing.limits(), &[1]));
    let mut member = Member::new(&config, &[Arc::new(desk)], &feed);
    member.me.id = id.to_owned();
    member
}

impl Fleet {
    fn of(ids: &[&str], connections: u32) -> Self {
        let members = ids.iter().map(|id| member(id, connections)).collect();
        Self { members, rows: BTreeMap::new(), now: clock::monotonic() }
    }

    fn works(&self, n: usize, mails: i64, domain: &str) {
        let jobs = (0..mails).map(|id| job(id, &format!("u{id}@{domain}"))).collect();
        self.members[n].feed.put(jobs, 0);
    }

    fn beat(&mut self, n: usize) {
        let member = &self.members[n];
        let others: Vec<DaemonRow> = self.rows.values().filter(|row| row.id != member.me.id).cloned().collect();
        let (parts, shares) = member.decide(&others, self.now);
        self.rows.insert(member.me.id.clone(), DaemonRow { shares: shares.clone(), ..member.me.clone() });
        member.take_up(parts, shares, self.now);
    }

    fn connect(&self, n: usize) -> Vec<Seat> {
        std::iter::from_fn(|| self.members[n].desks[0].seats.sit()).collect()
    }

    fn share(&self, n: usize, key: &str) -> Option<f64> {
        self.rows[&self.members[n].me.id].shares.get(key).copied()
    }
}

#[test]
fn a_daemon_may_use_nothing_before_its_first_beat_and_a_lone_one_everything_after_it() {
    let mut fleet = Fleet::of(&["a"], 3);
    fleet.works(0, 5, DOMAIN);
    assert!(fleet.connect(0).is_empty());
    assert!(!super::Fleet(Some(Arc::new(member("b", 3)))).is_valid(fleet.now));
    fleet.beat(0);
    assert_eq!(fleet.connect(0).len(), 3);
    assert_eq!(fleet.share(0, "relay:main:rate"), Some(8.0));
    assert_eq!(fleet.share(0, "domain:docomo.ne.jp:concurrency"), Some(10.0));
    assert_eq!(fleet.share(0, "domain:au.com:concurrency"), None, "nothing of it is wanted");
}

#[test]
fn connections_at_work_are_published_until_they_have_left_and_only_then_is_their_place_another_s() {
    let mut fleet = Fleet::of(&["a", "b"], 4);
    fleet.works(0, 5, "example.jp");
    fleet.works(1, 5, "example.jp");
    fleet.beat(0);
    let mut first = fleet.connect(0);
    fleet.beat(1);
    assert!(fleet.connect(1).is_empty(), "the other one has them all");
    fleet.beat(0);
    assert_eq!(fleet.share(0, "relay:main:connections"), Some(4.0));
    assert_eq!((fleet.share(0, "relay:main:rate"), fleet.share(1, "relay:main:rate")), (Some(4.0), Some(0.0)));
    first.retain_mut(|seat| seat.stays(true));
    assert_eq!(first.len(), 2);
    fleet.beat(1);
    assert!(fleet.connect(1).is_empty(), "nobody said yet that they have left");
    fleet.beat(0);
    fleet.beat(1);
    assert_eq!((fleet.connect(0).len(), fleet.connect(1).len()), (0, 2));
    assert_eq!(fleet.share(1, "relay:main:rate"), Some(4.0));
}

#[test]
fn a_daemon_without_a_connection_for_it_waits_and_gets_one_when_another_has_nothing_to_do() {
    let mut fleet = Fleet::of(&["a", "b"], 1);
    fleet.works(0, 1, "example.jp");
    fleet.beat(0);
    fleet.members[1].lock().waits = true;
    for n in [1, 0, 1] {
        fleet.beat(n);
    }
    assert!(!fleet.members[1].desks[0].serves());
    fleet.members[0].feed.drain();
    fleet.now += LINGER;
    for n in [0, 1] {
        fleet.beat(n);
    }
    assert!(fleet.members[1].desks[0].serves() && !fleet.members[0].desks[0].serves());
    assert_eq!(fleet.share(0, "relay:main:connections"), None);
}

#[test]
fn a_standby_is_wanted_only_while_the_others_are_down() {
    let mut config = Config::default();
    let relay = |weight| RelayLimits { name: format!("weight {weight}"), weight, ..RelayLimits::default() };
    config.smtp.relays = vec![relay(1), relay(0)];
    let desk = |n| Arc::new(Desk::new(n, Relay::new("relay", "127.0.0.1", 25), 4, None, pauses()));
    let (desks, feed) = ([desk(0), desk(1)], Arc::new(Feed::new(&[], &[1, 0])));
    let member = Member::new(&config, &desks, &feed);
    feed.put(vec![job(1, "u@example.jp")], 0);
    let now = clock::monotonic();
    let seats = || {
        let (parts, shares) = member.decide(&[], now);
        member.take_up(parts, shares, now);
        [desks[0].seats.any(), desks[1].seats.any()]
    };
    assert_eq!(seats(), [true, false]);
    let gone = Fault { phase: Phase::Connect, kind: FaultKind::Connection, reply: None, detail: Text::same("gone") };
    desks[0].fault(&gone, 0, 0, 1.0);
    assert_eq!(seats(), [true, true], "and the first is tried again");
}

#[test]
fn who_winds_down_keeps_only_the_connections_that_are_at_work() {
    let mut fleet = Fleet::of(&["a"], 4);
    fleet.works(0, 9, DOMAIN);
    fleet.beat(0);
    let mut seats = fleet.connect(0);
    seats.truncate(1);
    fleet.members[0].wind_down();
    fleet.beat(0);
    assert!(fleet.connect(0).is_empty());
    let shares = &fleet.rows["a"].shares;
    assert_eq!(shares, &BTreeMap::from([("relay:main:connections".to_owned(), 1.0)]));
}

#[test]
fn work_that_no_part_is_known_for_asks_for_a_beat_at_once_and_is_asked_for_once() {
    let mut fleet = Fleet::of(&["a"], 2);
    fleet.beat(0);
    assert!(!fleet.members[0].lacks_something(fleet.now), "nothing to do");
    fleet.works(0, 1, "example.jp");
    assert!(fleet.members[0].lacks_something(fleet.now));
    fleet.beat(0);
    assert!(!fleet.members[0].lacks_something(fleet.now));
    fleet.works(0, 1, DOMAIN);
    assert!(fleet.members[0].lacks_something(fleet.now), "a domain with limits of its own");
}

#[test]
fn a_beat_holds_for_four_seconds_however_long_the_process_slept_afterwards() {
    let mut fleet = Fleet::of(&["a"], 2);
    fleet.beat(0);
    let (beat, member) = (fleet.now, fleet.members.remove(0));
    let fleet = super::Fleet(Some(Arc::new(member)));
    assert!(fleet.is_valid(beat + VALID.mul_f64(0.99)));
    assert!(!fleet.is_valid(beat + VALID));
    assert!(!fleet.is_valid(beat + Duration::from_mins(10)));
    assert!(super::Fleet(None).is_valid(beat), "alone on its database");
}

#[test]
fn a_beat_that_was_lost_lowers_and_never_raises() {
    let mut fleet = Fleet::of(&["a", "b"], 4);
    fleet.works(0, 1, "example.jp");
    fleet.beat(0);
    let other = DaemonRow {
        id: "b".into(),
        shares: BTreeMap::from([("relay:main:connections".into(), 0.0)]),
        ..DaemonRow::default()
    };
    fleet.members[0].decide(&[other], fleet.now);
    let held = fleet.connect(0);
    assert_eq!(held.len(), 2);
    fleet.members[0].decide(&[], fleet.now);
    assert!(fleet.connect(0).is_empty());
}
