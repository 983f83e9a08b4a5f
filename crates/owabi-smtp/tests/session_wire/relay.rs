//! What a relay can do to a connection, over a real socket (the wire's rows of the failure list).

use crate::support::{BODY, Step, dropping, far, finish, greet, hear, parcel, relay, say, send};
use owabi_core::outcome::{Fault, FaultKind, Outcome, Phase};
use owabi_smtp::relay::{Login, Relay};
use std::time::Duration;

/// The one deadline that a test waits for; those of the other steps are the usual minutes.
const SHORT: Duration = Duration::from_millis(300);

/// Greeting, then one mail by DATA up to and including its dot.
fn up_to_the_dot() -> Vec<Step> {
    let mut script = greet(&["PIPELINING"]);
    script.extend([hear("MAIL"), hear("RCPT"), hear("DATA"), say("250 a\r\n250 b\r\n354 c\r\n"), Step::HearDot]);
    script
}

async fn open_fails(script: Vec<Step>, change: impl FnOnce(&mut Relay)) -> (Fault, String) {
    let (mut relay, served) = relay(script).await;
    change(&mut relay);
    let fault = owabi_smtp::open(&relay).await.expect_err("the connection opened");
    (fault, served.await.unwrap())
}

/// Sends one mail whose dot is answered by `steps`.
async fn dot_answered(steps: Vec<Step>, drop_after: bool) -> (Outcome, Option<Fault>) {
    let script = [up_to_the_dot(), steps].concat();
    let (relay, _served) = if drop_after { dropping(script).await } else { relay(script).await };
    sent_to(&relay).await
}

/// Sends one mail whose dot is answered by `steps`, later than is waited for.
async fn dot_answered_late(steps: Vec<Step>) -> (Outcome, Option<Fault>) {
    let (mut relay, _served) = relay([up_to_the_dot(), steps].concat()).await;
    relay.deadlines.dot = SHORT;
    sent_to(&relay).await
}

async fn sent_to(relay: &Relay) -> (Outcome, Option<Fault>) {
    let mut session = owabi_smtp::open(relay).await.unwrap();
    let (mut outcomes, closed) = send(&mut session, 1).await;
    (outcomes.remove(&1).unwrap(), closed)
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Refused(..) => "refused",
        Outcome::NotSent(_) => "not sent",
        Outcome::Unknown(_) => "unknown",
    }
}

#[tokio::test]
async fn b1_a_421_at_any_step_is_the_relays_fault() {
    for steps in [vec![say("421 busy\r\n")], vec![hear("MAIL"), say("421 busy\r\n")]] {
        let mut script = if steps.len() == 1 { Vec::new() } else { greet(&[]) };
        script.extend(steps);
        let (relay, _served) = dropping(script).await;
        let fault = match owabi_smtp::open(&relay).await {
            Err(fault) => fault,
            Ok(mut session) => match send(&mut session, 1).await.0.remove(&1) {
                Some(Outcome::NotSent(fault)) => fault,
                other => panic!("{other:?}"),
            },
        };
        assert_eq!((fault.kind, fault.reply.map(|reply| reply.code)), (FaultKind::Busy, Some(421)));
    }
    let (outcome, closed) = dot_answered(vec![say("421 4.3.2 shutting down\r\n")], true).await;
    assert_eq!((kind(&outcome), closed.map(|fault| fault.kind)), ("not sent", Some(FaultKind::Busy)));
}

#[tokio::test]
async fn b7_a_554_greeting_turns_the_whole_connection_away() {
    let (fault, heard) = open_fails(vec![say("554 go away\r\n")], |_| {}).await;
    assert_eq!((fault.kind, fault.phase, heard.as_str()), (FaultKind::Busy, Phase::Greeting, ""));
}

#[tokio::test]
async fn b13_a_bare_250_and_b14_a_shift_jis_250_are_acceptances() {
    for answer in [&b"250\r\n"[..], b"250 \x8e\xf3\x95t\x82\xaf\x82\xdc\x82\xb5\x82\xbd\r\n"] {
        let (outcome, closed) = dot_answered(vec![Step::Say(answer.to_vec())], false).await;
        assert_eq!((kind(&outcome), closed), ("accepted", None), "{answer:?}");
    }
}

#[tokio::test]
async fn b15_an_endless_line_or_reply_ends_the_connection_and_leaves_the_mail_in_doubt() {
    for flood in [vec![b'2'; 100_000], b"250-more\r\n".repeat(20_000)] {
        let (outcome, closed) = dot_answered(vec![Step::Say(flood.clone())], true).await;
        assert_eq!((kind(&outcome), closed.map(|fault| fault.kind)), ("unknown", Some(FaultKind::Protocol)));
        let (relay, _served) = dropping(vec![Step::Say(flood)]).await;
        assert_eq!(owabi_smtp::open(&relay).await.err().map(|fault| fault.kind), Some(FaultKind::Protocol));
    }
}

#[tokio::test]
async fn b16_garbage_before_the_dot_is_a_protocol_fault_and_after_it_leaves_the_mail_in_doubt() {
    for garbage in ["199 no\r\n", "600 no\r\n", "25\0 no\r\n", "hello\r\n", "250-a\r\n550 b\r\n"] {
        let (outcome, closed) = dot_answered(vec![say(garbage)], true).await;
        assert_eq!(
            (kind(&outcome), closed.map(|fault| fault.kind)),
            ("unknown", Some(FaultKind::Protocol)),
            "{garbage:?}"
        );
        let mut script = greet(&[]);
        script.extend([hear("MAIL"), say(garbage)]);
        let (relay, _served) = dropping(script).await;
        let (outcomes, _) = send(&mut owabi_smtp::open(&relay).await.unwrap(), 1).await;
        assert_eq!(kind(&outcomes[&1]), "not sent", "{garbage:?}");
    }
}

#[tokio::test]
async fn b17_a_reply_that_trickles_in_has_one_deadline() {
    // No octet and no line takes as long as the deadline: were it theirs, the whole would be an answer in the end.
    let drip = |text| vec![Step::Trickle(text, SHORT / 15)];
    let (outcome, closed) = dot_answered_late(drip("250-1\r\n250-2\r\n250-3\r\n250-4\r\n250 done\r\n")).await;
    assert_eq!((kind(&outcome), closed.map(|fault| fault.kind)), ("unknown", Some(FaultKind::Timeout)));
    let greeting = drip("220-1\r\n220-2\r\n220-3\r\n220-4\r\n220 x\r\n");
    let (fault, _) = open_fails(greeting, |relay| relay.deadlines.greeting = SHORT).await;
    assert_eq!((fault.kind, fault.phase), (FaultKind::Timeout, Phase::Greeting));
}

#[tokio::test]
async fn b18_silence_ends_with_the_deadline_of_its_step() {
    let (fault, _) = open_fails(vec![], |relay| relay.deadlines.greeting = SHORT).await;
    assert_eq!((fault.kind, fault.phase), (FaultKind::Timeout, Phase::Greeting));
    let script = vec![say("220 x\r\n"), hear("EHLO")];
    let (fault, _) = open_fails(script, |relay| relay.deadlines.ehlo = SHORT).await;
    assert_eq!((fault.kind, fault.phase), (FaultKind::Timeout, Phase::Ehlo));
    let (mut relay, _served) = relay(greet(&["PIPELINING"])).await;
    relay.deadlines.mail = SHORT;
    let (outcomes, closed) = send(&mut owabi_smtp::open(&relay).await.unwrap(), 1).await;
    assert_eq!(
        (kind(&outcomes[&1]), closed.map(|f| (f.kind, f.phase))),
        ("not sent", Some((FaultKind::Timeout, Phase::Mail)))
    );
    let (outcome, closed) = dot_answered_late(vec![]).await;
    assert_eq!(
        (kind(&outcome), closed.map(|f| (f.kind, f.phase))),
        ("unknown", Some((FaultKind::Timeout, Phase::Dot)))
    );
}

#[tokio::test]
async fn a_relay_that_stops_reading_ends_with_the_writing_deadline() {
    let mut script = greet(&["PIPELINING", "CHUNKING"]);
    script.push(Step::Pause(Duration::from_secs(10)));
    let (mut relay, served) = relay(script).await;
    relay.deadlines.body_block = Duration::from_secs(1);
    let mut session = owabi_smtp::open(&relay).await.unwrap();
    session.push(owabi_smtp::envelope::Parcel { body: vec![b'x'; 32 << 20].into(), ..parcel(1) });
    session.permit(1, far());
    let (outcomes, _) = finish(&mut session).await;
    assert!(
        matches!(&outcomes[&1], Outcome::NotSent(fault) if matches!(fault.kind, FaultKind::Timeout | FaultKind::Connection)),
        "{outcomes:?}"
    );
    served.abort();
}

#[tokio::test]
async fn b19_a_relay_that_is_not_there_is_a_connection_fault() {
    let mut nowhere = Relay::new("test", "127.0.0.1", 1);
    assert_eq!(
        owabi_smtp::open(&nowhere).await.err().map(|f| (f.kind, f.phase)),
        Some((FaultKind::Connection, Phase::Connect))
    );
    nowhere.host = "no-such-host.invalid".to_owned();
    nowhere.deadlines.connect = Duration::from_secs(10);
    assert_eq!(owabi_smtp::open(&nowhere).await.err().map(|f| f.phase), Some(Phase::Connect));
}

#[tokio::test]
async fn b20_a_connection_lost_after_the_dot_leaves_the_mail_in_doubt_and_before_it_does_not() {
    let (outcome, _) = dot_answered(vec![], true).await;
    assert_eq!(kind(&outcome), "unknown");
    let mut script = greet(&["PIPELINING"]);
    script.extend([hear("MAIL"), hear("RCPT"), hear("DATA"), say("250 a\r\n250 b\r\n")]);
    let (relay, _served) = dropping(script).await;
    let (outcomes, closed) = send(&mut owabi_smtp::open(&relay).await.unwrap(), 2).await;
    assert_eq!((kind(&outcomes[&1]), kind(&outcomes[&2])), ("not sent", "not sent"));
    assert_eq!(closed.map(|fault| fault.kind), Some(FaultKind::Connection));
}

#[tokio::test]
async fn b24_a_relay_that_ends_a_connection_between_mails_only_wants_a_new_one() {
    let mut script = up_to_the_dot();
    script.push(say("250 queued as A1\r\n"));
    let (relay, _served) = dropping(script).await;
    let mut session = owabi_smtp::open(&relay).await.unwrap();
    let (outcomes, _) = send(&mut session, 1).await;
    assert_eq!(kind(&outcomes[&1]), "accepted");
    let progress = session.next().await;
    assert_eq!(progress.closed.map(|fault| fault.kind), Some(FaultKind::ConnectionLimit));
}

#[tokio::test]
async fn b26_replies_that_do_not_line_up_end_the_connection() {
    let mut script = greet(&["PIPELINING"]);
    script.extend([hear("MAIL"), hear("RCPT"), hear("DATA"), say("250 a\r\n250 b\r\n250 an extra one\r\n")]);
    let (relay, _served) = dropping(script).await;
    let (outcomes, closed) = send(&mut owabi_smtp::open(&relay).await.unwrap(), 2).await;
    assert_eq!((kind(&outcomes[&1]), kind(&outcomes[&2])), ("not sent", "not sent"));
    assert_eq!(closed.map(|fault| fault.kind), Some(FaultKind::Protocol));
    let mut early = greet(&["PIPELINING"]);
    early.push(say("250 nobody asked\r\n"));
    let (relay, served) = dropping(early).await;
    let mut session = owabi_smtp::open(&relay).await.unwrap();
    assert_eq!(served.await.unwrap(), "");
    let (outcomes, _) = send(&mut session, 1).await;
    assert_eq!(kind(&outcomes[&1]), "not sent");
}

#[tokio::test]
async fn b27_a_relay_without_smtputf8_is_never_offered_such_a_mail() {
    let (relay, served) = relay(greet(&["PIPELINING"])).await;
    let mut session = owabi_smtp::open(&relay).await.unwrap();
    session
        .push(owabi_smtp::envelope::Parcel { smtputf8: true, rcpt_to: "鈴木@member.test".to_owned(), ..parcel(1) });
    session.permit(1, far());
    let (outcomes, _) = finish(&mut session).await;
    assert!(matches!(&outcomes[&1], Outcome::Refused(Phase::Mail, reply) if reply.text.starts_with("5.6.7")));
    session.quit().await;
    assert_eq!(served.await.unwrap(), "QUIT\r\n");
}

#[tokio::test]
async fn eight_mails_with_a_refused_recipient_among_them_share_one_round_trip() {
    let mut script = greet(&["PIPELINING", "CHUNKING"]);
    for id in 1..=8u64 {
        script.extend((id > 1).then(|| hear("RSET")));
        script.extend([hear("MAIL"), hear("RCPT"), hear("BDAT"), Step::HearOctets(BODY.len())]);
    }
    for id in 1..=8u64 {
        script.extend((id > 1).then(|| say("250 reset\r\n")));
        let rest = if id == 5 { "550 5.1.1 unknown\r\n554 none\r\n" } else { "250 b\r\n250 c\r\n" };
        script.push(say(&format!("250 a\r\n{rest}")));
    }
    let (relay, _served) = relay(script).await;
    let (outcomes, closed) = send(&mut owabi_smtp::open(&relay).await.unwrap(), 8).await;
    for (id, outcome) in outcomes {
        assert_eq!(kind(&outcome), if id == 5 { "refused" } else { "accepted" }, "mail {id}");
    }
    assert_eq!(closed, None);
}

#[tokio::test]
async fn dropping_next_in_the_middle_loses_nothing() {
    let mut script = up_to_the_dot();
    script.extend([Step::Trickle("250 queued as A1\r\n", Duration::from_millis(20))]);
    let (relay, _served) = relay(script).await;
    let mut session = owabi_smtp::open(&relay).await.unwrap();
    session.push(parcel(1));
    session.permit(1, far());
    loop {
        if let Ok(progress) = tokio::time::timeout(Duration::from_millis(7), session.next()).await {
            assert!(
                matches!(&progress.finished[0].outcome, Outcome::Accepted(reply) if reply.queue_id() == Some("A1"))
            );
            return;
        }
    }
}

#[tokio::test]
async fn a_relay_that_knows_no_ehlo_is_greeted_with_helo() {
    let script = vec![say("220 x\r\n"), hear("EHLO"), say("502 what?\r\n"), hear("HELO"), say("250 x\r\n")];
    let (relay, _served) = relay(script).await;
    let session = owabi_smtp::open(&relay).await.unwrap();
    assert_eq!((session.max_size(), session.tls()), (None, None));
}

fn with_login(relay: &mut Relay) {
    relay.auth = Some(Login { user: "owabi".to_owned(), password: "s3cret".into() });
}

#[tokio::test]
async fn b9_a_refused_login_and_b10_a_busy_one_are_told_apart_and_tried_once() {
    for (answer, kind) in [("535 5.7.8 no\r\n", FaultKind::Auth), ("454 4.7.0 later\r\n", FaultKind::Busy)] {
        let mut script = greet(&["AUTH PLAIN LOGIN"]);
        script.extend([hear("AUTH PLAIN AG93YWJpAHMzY3JldA=="), say(answer)]);
        let (fault, heard) = open_fails(script, with_login).await;
        assert_eq!((fault.kind, heard.as_str()), (kind, ""));
        assert!(!format!("{fault:?}").contains("s3cret"));
    }
    let (fault, heard) = open_fails(greet(&["AUTH GSSAPI"]), with_login).await;
    assert_eq!((fault.kind, heard.as_str()), (FaultKind::Auth, ""));
}

#[tokio::test]
async fn a_login_by_the_old_login_form_works() {
    let mut script = greet(&["AUTH=LOGIN"]);
    script.extend([hear("AUTH LOGIN"), say("334 VXNlcm5hbWU6\r\n"), hear("b3dhYmk="), say("334 x\r\n")]);
    script.extend([hear("czNjcmV0"), say("235 ok\r\n")]);
    let (mut relay, _served) = relay(script).await;
    with_login(&mut relay);
    assert!(owabi_smtp::open(&relay).await.is_ok());
    assert!(!format!("{relay:?}").contains("s3cret"));
}
