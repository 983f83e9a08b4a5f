use super::*;
use owabi_core::reply::Reply;
use owabi_core::text::Text;

fn desk() -> Desk {
    let relay = Relay::new("main", "127.0.0.1", 25);
    Desk::new(0, relay, 1, None, Pauses { first_ms: 1_000, max_ms: 8_000 })
}

fn fault(kind: FaultKind) -> Fault {
    Fault { phase: Phase::Connect, kind, reply: None, detail: Text::same("gone") }
}

fn refused(phase: Phase, code: u16, text: &str) -> Outcome {
    Outcome::Refused(phase, Reply::new(code, text))
}

fn accepted() -> Outcome {
    Outcome::Accepted(Reply::new(250, "ok"))
}

#[test]
fn a_fault_pauses_the_relay_longer_each_time_and_one_courier_tries_it_again() {
    let desk = desk();
    assert_eq!(desk.ask(0), Leave::Go);
    assert_eq!(desk.fault(&fault(FaultKind::Connection), 0, 0, 1.0), Consequence::Paused);
    assert_eq!(desk.ask(999), Leave::Wait(Some(1_000)));
    assert_eq!(desk.ask(1_000), Leave::Probe);
    assert_eq!(desk.ask(1_000), Leave::Wait(None));
    assert_eq!((desk.state(999).paused_until, desk.state(1_000).paused_until), (Some(1_000), None));
    desk.fault(&fault(FaultKind::Connection), 0, 1_000, 1.0);
    assert_eq!(desk.ask(2_999), Leave::Wait(Some(3_000)));
    assert_eq!(desk.ask(3_000), Leave::Probe);
    desk.judge(&accepted(), "example.jp", 3_001, 1.0);
    assert_eq!((desk.ask(3_001), desk.failures()), (Leave::Go, 0));
}

#[test]
fn a_relay_that_lets_connections_wait_and_says_nothing_is_not_up_until_it_is_heard_of_or_paused() {
    let (desk, up) = (desk(), |desk: &Desk, now| (desk.state(now).up, desk.state(now).silent_since));
    assert_eq!(up(&desk, 1_000_000), (true, None), "nobody tries it");
    desk.opens(5_000);
    desk.opens(20_000);
    assert_eq!(up(&desk, 34_999), (true, None), "some greet late");
    assert_eq!(up(&desk, 35_000), (false, Some(5_000)));
    assert!(desk.is_up(), "it may greet yet, and is not paused for it");
    desk.opened();
    assert_eq!(up(&desk, 35_001), (true, None));
    desk.opens(40_000);
    desk.judge(&accepted(), "example.jp", 60_000, 1.0);
    assert_eq!(up(&desk, 80_000), (true, None), "it speaks on another connection");
    desk.opens(60_000);
    desk.probe_ended();
    assert_eq!(up(&desk, 100_000), (true, None), "the courier that waited broke down: nobody waits any more");
    desk.opens(80_000);
    desk.fault(&fault(FaultKind::Timeout), 0, 120_000, 1.0);
    assert_eq!((up(&desk, 120_000), desk.failures()), ((false, None), 1));
}

#[test]
fn faults_of_many_couriers_at_once_count_as_one() {
    let desk = desk();
    assert_eq!(desk.fault(&fault(FaultKind::Connection), 0, 0, 1.0), Consequence::Paused);
    assert_eq!(desk.fault(&fault(FaultKind::Connection), 0, 10, 1.0), Consequence::None);
    assert_eq!(desk.failures(), 1);
}

#[test]
fn a_connection_that_did_its_work_and_broke_is_simply_renewed() {
    let desk = desk();
    assert_eq!(desk.fault(&fault(FaultKind::Connection), 5, 0, 1.0), Consequence::None);
    assert_eq!(desk.ask(0), Leave::Go);
}

#[test]
fn the_relays_limit_of_mails_a_connection_is_learned_from_its_own_words() {
    let desk = desk();
    let limit = Fault { reply: Some(Reply::new(421, "4.7.0 too many messages")), ..fault(FaultKind::ConnectionLimit) };
    assert_eq!(desk.fault(&limit, 7, 0, 1.0), Consequence::None);
    assert_eq!(desk.relay_now().messages_per_connection, 7);
    assert_eq!(desk.ask(0), Leave::Go);
}

#[test]
fn three_refusals_of_the_sender_in_a_row_pause_the_relay() {
    let desk = desk();
    let no = refused(Phase::Mail, 550, "5.7.1 sender rejected");
    for domain in ["a.jp", "b.jp"] {
        assert_eq!(desk.judge(&no, domain, 0, 1.0).0, Consequence::None);
    }
    assert_eq!(desk.judge(&no, "c.jp", 0, 1.0).0, Consequence::Paused);
}

#[test]
fn a_policy_refusal_is_suspect_until_somebody_is_accepted_and_as_soon_as_a_second_domain_refuses() {
    let desk = desk();
    let no = refused(Phase::Rcpt, 550, "5.7.1 no");
    assert_eq!(desk.judge(&no, "a.jp", 0, 1.0), (Consequence::None, true));
    desk.judge(&accepted(), "b.jp", 0, 1.0);
    assert_eq!(desk.judge(&no, "a.jp", 0, 1.0), (Consequence::None, false));
    assert_eq!(desk.judge(&no, "a.jp", 0, 1.0), (Consequence::None, false));
    assert_eq!(desk.judge(&no, "c.jp", 0, 1.0), (Consequence::None, true));
    assert_eq!(desk.judge(&no, "d.jp", 0, 1.0), (Consequence::Paused, true));
}

#[test]
fn throttling_halves_the_pace_and_seconds_without_it_raise_it_again() {
    let desk = desk();
    for now in 0..100 {
        assert_eq!(desk.paced(1, now * 10), Ok(1));
    }
    desk.judge(&refused(Phase::Mail, 451, "4.7.1 rate"), "a.jp", 1_000, 1.0);
    let sent = |from: i64| (from..from + 1_000).filter(|now| desk.paced(1, *now).is_ok()).count();
    let slowed = sent(1_000);
    assert!((45..=55).contains(&slowed), "{slowed}");
    let later = sent(21_000);
    assert!(later > slowed, "{later}");
}

#[test]
fn policy_refusals_of_one_domain_pause_the_relay_only_while_nobody_was_ever_accepted() {
    let (desk, no) = (desk(), refused(Phase::Rcpt, 550, "5.7.1 no"));
    for _ in 0..2 {
        assert_eq!(desk.judge(&no, "a.jp", 0, 1.0), (Consequence::None, true));
    }
    assert_eq!(desk.judge(&no, "a.jp", 0, 1.0), (Consequence::Paused, true));
    desk.judge(&accepted(), "b.jp", 2_000, 1.0);
    for _ in 0..10 {
        assert_eq!(desk.judge(&no, "a.jp", 2_000, 1.0), (Consequence::None, false));
    }
}

#[test]
fn an_unknown_address_is_no_proof_that_the_sender_is_welcome() {
    let (desk, no) = (desk(), refused(Phase::Rcpt, 550, "5.7.1 no"));
    desk.judge(&refused(Phase::Rcpt, 550, "5.1.1 unknown"), "a.jp", 0, 1.0);
    assert_eq!(desk.judge(&no, "a.jp", 0, 1.0), (Consequence::None, true));
}

#[test]
fn a_quota_that_is_used_up_pauses_the_relay_longer_each_time_until_somebody_is_accepted() {
    let (desk, no) = (desk(), refused(Phase::Rcpt, 550, "5.4.5 Daily user sending limit exceeded"));
    assert_eq!(desk.judge(&no, "a.jp", 0, 1.0), (Consequence::Paused, false));
    assert_eq!(desk.judge(&no, "b.jp", 0, 1.0), (Consequence::None, false));
    assert_eq!(desk.ask(1_000), Leave::Probe);
    assert_eq!(desk.judge(&no, "a.jp", 1_000, 1.0), (Consequence::Paused, false));
    assert_eq!(desk.ask(2_999), Leave::Wait(Some(3_000)));
    desk.judge(&accepted(), "a.jp", 3_000, 1.0);
    assert_eq!(desk.ask(3_000), Leave::Go);
}

#[test]
fn throttling_by_a_4xx_never_pauses() {
    let desk = desk();
    for _ in 0..10 {
        assert_eq!(desk.judge(&refused(Phase::Rcpt, 450, "4.7.1 rate"), "a.jp", 0, 1.0).0, Consequence::None);
    }
    assert!(desk.is_up());
}

#[test]
fn three_misunderstandings_in_a_row_pause_the_relay_and_then_one_of_every_probe() {
    let (desk, what) = (desk(), refused(Phase::Mail, 502, "5.5.1 not implemented"));
    for now in 0..2 {
        assert_eq!(desk.judge(&what, "a.jp", now, 1.0).0, Consequence::None);
    }
    desk.judge(&accepted(), "a.jp", 2, 1.0);
    for now in 0..2 {
        assert_eq!(desk.judge(&what, "a.jp", now, 1.0).0, Consequence::None);
    }
    assert_eq!(desk.judge(&what, "a.jp", 0, 1.0).0, Consequence::Paused);
    assert_eq!(desk.ask(1_000), Leave::Probe);
    assert_eq!(desk.judge(&what, "a.jp", 1_000, 1.0).0, Consequence::Paused);
    assert_eq!(desk.failures(), 2);
}

#[test]
fn authentication_and_relaying_refusals_pause_at_once() {
    for (code, text) in [(530, "5.7.0 authenticate"), (550, "relay access denied")] {
        assert_eq!(desk().judge(&refused(Phase::Rcpt, code, text), "a.jp", 0, 1.0).0, Consequence::Paused);
    }
}
