//! `pause`, `resume` and `withdraw` of another process, however seldom the queue is looked at.

use super::{Queue, SOON, Stage, on_both_databases};
use crate::support::manager::Manager;
use crate::support::world::{NOTICE, eventually};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{Moment, Point, Script, Then, When};
use serde_json::json;
use std::time::Duration;

/// Slow enough that most mails wait in memory, or for their pace.
const PACED: &str = "max_connections: 4, in_flight: 2, rate: 40";
/// Its rate, and what its connections have under way.
const PACE: (usize, usize) = (40, 4 * 2);
/// What a busy machine may add to a time that is measured.
const BUSY: Duration = Duration::from_secs(15);

on_both_databases!(no_body_leaves_later_than_two_seconds_after_pause_and_a_restart_changes_nothing);
async fn no_body_leaves_later_than_two_seconds_after_pause_and_a_restart_changes_nothing(queue: Queue) {
    let stage = Stage::released(queue, "breaker: off", PACED, Script::new(), 600).await;
    let running = stage.program.start(&["run"]);
    assert!(eventually(&async || stage.relay.stats().mails > 20).await);
    stage.program.json(&["pause", NOTICE, "--reason", "wrong number"]);
    stage.stops_within_two_seconds(stage.now(), PACE).await;
    assert!(running.terminate().success());
    let (sent, manager) = (stage.relay.stats().mails, Manager::new());
    let running = manager.starts(&stage.program).await;
    manager.hears(&format!("STATUS=idle: {sent} of 600 accepted; paused: leak")).await;
    tokio::time::sleep(SOON).await;
    assert_eq!((stage.relay.stats().mails, stage.state().as_str()), (sent, "paused"));
    stage.program.json(&["resume", NOTICE]);
    let resumed = stage.now();
    assert!(eventually(&async || stage.relay.stats().mails > sent).await, "{}", stage.program.said());
    let first = stage.relay.captured()[usize::try_from(sent).unwrap()].at;
    assert!(first <= resumed + SOON + BUSY, "it goes on within two seconds: {first:?} after {resumed:?}");
    stage.program.json(&["withdraw", "--notice", NOTICE, "--reason", "wrong roster", "--yes"]);
    stage.stops_within_two_seconds(stage.now(), PACE).await;
    let all = async || stage.rows().await.iter().all(|row| row.status.is_final());
    assert!(eventually(&all).await, "{:?}", stage.status());
    assert!(running.terminate().success());
    let rows = stage.rows().await;
    assert!(rows.iter().all(|row| matches!(row.status, Status::Accepted | Status::Withdrawn)), "{rows:?}");
    assert_eq!(stage.count(Status::Accepted).await as u64, stage.relay.stats().mails);
}

on_both_databases!(a_permitted_mail_whose_relay_is_slow_to_ask_for_it_does_not_leave_after_pause);
async fn a_permitted_mail_whose_relay_is_slow_to_ask_for_it_does_not_leave_after_pause(queue: Queue) {
    let slow = Then::PauseUntil("slow".into(), Moment::BeforeReply);
    let script = Script::new().once(When::at(Point::Data), slow);
    let careful = "max_connections: 1, in_flight: 1, chunking: false";
    let stage = Stage::released(queue, "breaker: off", careful, script, 1).await;
    let running = stage.program.start(&["run"]);
    stage.relay.wait_reached("slow").await;
    // DATA may be on its way before the mail is permitted: the body is what waits.
    let permitted = async || stage.program.log().iter().any(|row| row["relay"].is_string());
    assert!(eventually(&permitted).await, "{:?}", stage.program.log());
    stage.program.json(&["pause", NOTICE]);
    tokio::time::sleep(SOON).await;
    stage.relay.release("slow");
    let back = async || stage.count(Status::Queued).await == 1;
    assert!(eventually(&back).await, "{:?}", stage.rows().await);
    assert_eq!((stage.relay.stats().mails, stage.rows().await[0].used), (0, 0));
    let tried = stage.program.log().remove(0);
    assert_eq!((&tried["outcome"], &tried["reason"]), (&"not_sent".into(), &"paused".into()), "{tried}");
    assert_eq!(tried["reply"], serde_json::Value::Null, "no relay said anything: {tried}");
    stage.program.json(&["resume", NOTICE]);
    let told = async || stage.count(Status::Accepted).await == 1;
    assert!(eventually(&told).await, "{:?}", stage.rows().await);
    assert!(running.terminate().success());
    stage.program.audit(&stage.relay).await;
}

on_both_databases!(no_mail_leaves_for_a_claimed_member_who_was_taken_out_and_the_others_get_theirs);
async fn no_mail_leaves_for_a_claimed_member_who_was_taken_out_and_the_others_get_theirs(queue: Queue) {
    let stage = Stage::released(queue, "breaker: off", PACED, Script::new(), 200).await;
    let running = stage.program.start(&["run"]);
    assert!(eventually(&async || stage.relay.stats().mails > 10).await);
    let claimed = stage.rows().await.into_iter().rev().find(|row| row.status == Status::Sending);
    let no = claimed.unwrap().member_no;
    let withdraw = ["withdraw", "--notice", NOTICE, "--member", &no, "--reason", "not affected", "--yes"];
    let done = stage.program.json(&withdraw);
    assert_eq!((&done["withdrawn"], &done["sending"], &done["state"]), (&json!(1), &json!(0), &json!("released")));
    let all = async || stage.rows().await.iter().all(|row| row.status.is_final());
    assert!(eventually(&all).await, "{:?}", stage.status());
    assert!(running.terminate().success());
    assert_eq!((stage.count(Status::Withdrawn).await, stage.count(Status::Accepted).await), (1, 199));
    let number: usize = no[1..].parse().unwrap();
    let address = format!("u{number}@example.jp");
    assert!(stage.relay.captured().iter().all(|mail| mail.rcpt_to()[0] != address), "{address}");
    assert_eq!(stage.relay.stats().mails, 199);
}
