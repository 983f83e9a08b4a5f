//! A process that was stopped past its leases (D8): what it still held of a mail never reaches the relay.

use crate::support::{BODY, Gate, Step, far, finish, greet, hear, parcel, relay, say};
use owabi_core::outcome::{Fault, FaultKind, Outcome};
use owabi_smtp::envelope::Parcel;
use owabi_smtp::pipeline::Mode;
use owabi_smtp::relay::Deadlines;
use owabi_smtp::session::Session;
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const LEASE: Duration = Duration::from_mins(1);
const STOPPED: Duration = Duration::from_mins(10);
const LAST_LINE: &str = "the last line of the letter\r\n";

/// A letter that no socket's buffers can hold.
fn long_letter(id: u64) -> Parcel {
    let body = format!("Subject: x\r\n\r\n{}{LAST_LINE}", "a line of the letter\r\n".repeat((32 << 20) / 22));
    Parcel { body: body.into(), ..parcel(id) }
}

/// No deadline but the lease's passes in these tests.
fn patient() -> Deadlines {
    let (mail, rcpt, data, body_block) = (STOPPED * 9, STOPPED * 9, STOPPED * 9, STOPPED * 9);
    Deadlines { mail, rcpt, data, body_block, dot: STOPPED * 9, ..Deadlines::default() }
}

/// A connection to a relay that holds at the gate and, once that is opened, goes on and reads to the end.
async fn open(script: Vec<Step>) -> (Session, JoinHandle<String>) {
    let (mut relay, heard) = relay(script).await;
    relay.deadlines = patient();
    (owabi_smtp::open(&relay).await.unwrap(), heard)
}

/// Sends until the relay holds; returns what finished before.
async fn until_held(session: &mut Session, gate: &Gate) -> HashMap<u64, Outcome> {
    let mut outcomes = HashMap::new();
    loop {
        tokio::select! {
            biased;
            () = gate.reached() => return outcomes,
            progress = session.next() => {
                assert_eq!(progress.closed, None);
                outcomes.extend(progress.finished.into_iter().map(|done| (done.id, done.outcome)));
            }
        }
    }
}

/// Nobody polls the session, and ten minutes are over.
async fn stopped() {
    tokio::time::pause();
    tokio::time::advance(STOPPED).await;
    tokio::time::resume();
}

/// Wakes up, and returns the outcomes, the end, and what the relay heard after the gate.
async fn woken(
    mut session: Session,
    gate: &Gate,
    heard: JoinHandle<String>,
) -> (HashMap<u64, Outcome>, Option<Fault>, String) {
    gate.open();
    let (outcomes, closed) = finish(&mut session).await;
    drop(session);
    (outcomes, closed, heard.await.unwrap())
}

fn not_sent_for_the_lease(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::NotSent(fault) if fault.kind == FaultKind::Local && fault.detail.en.starts_with("the lease ended"))
}

/// Up to the 354 of one mail.
fn up_to_the_go_ahead(mode: Mode) -> Vec<Step> {
    let commands = [hear("MAIL"), say("250 a\r\n"), hear("RCPT"), say("250 b\r\n"), hear("DATA")];
    let mut script = greet(if mode == Mode::Step { &[] } else { &["PIPELINING"] });
    script.extend(commands);
    script
}

#[tokio::test]
async fn d08_a_body_of_which_a_part_is_out_is_not_finished() {
    for mode in [Mode::Chained, Mode::Step] {
        let gate = Gate::default();
        let mut script = up_to_the_go_ahead(mode);
        script.extend([say("354 c\r\n"), Step::HearOctets(1), Step::Hold(gate.clone())]);
        let (mut session, heard) = open(script).await;
        assert_eq!(session.mode(), mode);
        session.push(long_letter(1));
        session.permit(1, Instant::now() + LEASE);
        assert!(until_held(&mut session, &gate).await.is_empty());
        stopped().await;
        let (outcomes, closed, heard) = woken(session, &gate, heard).await;
        assert!(not_sent_for_the_lease(&outcomes[&1]), "{outcomes:?}");
        assert_eq!(closed.map(|fault| fault.kind), Some(FaultKind::Local));
        assert!(!heard.is_empty() && !heard.ends_with(".\r\n") && !heard.contains(LAST_LINE));
    }
}

#[tokio::test]
async fn d08_a_mail_that_is_out_takes_its_course_and_the_late_one_behind_it_is_not_finished() {
    let gate = Gate::default();
    let mut script = up_to_the_go_ahead(Mode::Chained);
    script.extend([say("354 c\r\n"), Step::HearDot, hear("MAIL"), hear("RCPT"), hear("DATA")]);
    script.extend([say("250 queued\r\n250 a\r\n250 b\r\n354 c\r\n"), Step::HearOctets(1), Step::Hold(gate.clone())]);
    let (mut session, heard) = open(script).await;
    session.push(parcel(1));
    session.push(long_letter(2));
    (1..=2).for_each(|id| session.permit(id, Instant::now() + LEASE));
    let before = until_held(&mut session, &gate).await;
    assert!(matches!(before[&1], Outcome::Accepted(_)), "{before:?}");
    stopped().await;
    let (outcomes, _, heard) = woken(session, &gate, heard).await;
    assert!(not_sent_for_the_lease(&outcomes[&2]), "{outcomes:?}");
    assert!(!heard.contains(LAST_LINE) && !heard.ends_with(".\r\n") && !heard.contains("QUIT"));
}

#[tokio::test]
async fn d08_a_chunk_of_which_a_part_is_out_is_not_finished_and_its_neighbour_is_in_doubt() {
    let gate = Gate::default();
    let mut script = greet(&["PIPELINING", "CHUNKING"]);
    script.extend([hear("MAIL"), hear("RCPT"), hear("BDAT"), Step::HearOctets(BODY.len())]);
    script.extend([hear("RSET"), hear("MAIL"), hear("RCPT"), hear("BDAT"), Step::HearOctets(1)]);
    script.push(Step::Hold(gate.clone()));
    let (mut session, heard) = open(script).await;
    assert_eq!(session.mode(), Mode::Bdat);
    session.push(parcel(1));
    session.permit(1, far());
    session.push(long_letter(2));
    session.permit(2, Instant::now() + LEASE);
    until_held(&mut session, &gate).await;
    stopped().await;
    let (outcomes, closed, heard) = woken(session, &gate, heard).await;
    assert!(matches!(&outcomes[&1], Outcome::Unknown(fault) if fault.kind == FaultKind::Local), "{outcomes:?}");
    assert!(not_sent_for_the_lease(&outcomes[&2]), "{outcomes:?}");
    assert_eq!(closed.map(|fault| fault.kind), Some(FaultKind::Local));
    assert!(!heard.is_empty() && !heard.contains(LAST_LINE));
}

#[tokio::test]
async fn d08_a_go_ahead_that_comes_too_late_gets_no_octet() {
    for mode in [Mode::Chained, Mode::Step] {
        let gate = Gate::default();
        let mut script = up_to_the_go_ahead(mode);
        script.extend([Step::Hold(gate.clone()), say("354 c\r\n")]);
        let (mut session, heard) = open(script).await;
        session.push(parcel(1));
        session.permit(1, Instant::now() + LEASE);
        until_held(&mut session, &gate).await;
        stopped().await;
        let (outcomes, closed, heard) = woken(session, &gate, heard).await;
        assert!(not_sent_for_the_lease(&outcomes[&1]), "{outcomes:?}");
        assert_eq!((closed.map(|fault| fault.kind), heard.as_str()), (Some(FaultKind::Local), ""));
    }
}

#[tokio::test]
async fn d08_a_grant_that_comes_too_late_costs_the_mail_alone() {
    let mut script = greet(&["PIPELINING", "CHUNKING"]);
    script.extend([hear("MAIL"), hear("RCPT"), hear("BDAT"), Step::HearOctets(BODY.len())]);
    script.push(say("250 a\r\n250 b\r\n250 queued\r\n"));
    let (mut session, heard) = open(script).await;
    let until = Instant::now() + LEASE;
    session.push(parcel(1));
    stopped().await;
    session.permit(1, until);
    session.push(parcel(2));
    session.permit(2, far());
    let (outcomes, closed) = finish(&mut session).await;
    assert!(not_sent_for_the_lease(&outcomes[&1]) && matches!(outcomes[&2], Outcome::Accepted(_)), "{outcomes:?}");
    assert_eq!(closed, None);
    drop(session);
    assert_eq!(heard.await.unwrap(), "");
}
