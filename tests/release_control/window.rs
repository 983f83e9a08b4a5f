//! The hours of a notice, Japan time. A test chooses them by the time at which it runs.

use super::{Queue, Stage, metrics, on_both_databases, well_before_midnight};
use crate::database_away::health_address;
use crate::support::world::eventually;
use owabi::clock::now_ms;
use owabi_core::lifecycle::Status;
use owabi_core::watch::minute_of_day;
use owabi_smtp::capture::Script;
use std::time::Duration;

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Hours that are far from now.
fn closed() -> String {
    if minute_of_day(now_ms()) < 720 { "20:00-21:00".into() } else { "03:00-04:00".into() }
}

on_both_databases!(outside_its_hours_nothing_leaves_or_is_spent_and_a_run_says_when_they_begin);
async fn outside_its_hours_nothing_leaves_or_is_spent_and_a_run_says_when_they_begin(queue: Queue) {
    let hours = closed();
    let policy = format!("breaker: off, window: \"{hours}\"");
    let stage = Stage::released(queue, &policy, "max_connections: 2", Script::new(), 5).await;
    let said = stage.program.json(&["run", "--until-idle"]);
    let hold = &said["held_up"][0];
    assert_eq!((&hold["notice"], &hold["hold"]["window"]["open"]), (&"leak".into(), &false.into()), "{said}");
    assert!(hold["hold"]["window"]["opens_at"].as_str().unwrap().ends_with(":00:00.000+09:00"), "{said}");
    let status = stage.status();
    assert_eq!((&status["hold"], &status["next_mail_at"]), (&hold["hold"], &hold["hold"]["window"]["opens_at"]));
    let text = String::from_utf8(stage.program.output(&["status"]).stdout).unwrap();
    assert!(text.contains("outside its window") && text.contains("it opens at"), "{text}");
    assert_eq!(stage.relay.stats().connections, 0);
    let rows = stage.rows().await;
    assert!(rows.iter().all(|row| (row.status, row.tries) == (Status::Queued, 0)), "{rows:?}");
    let notice = std::fs::read_to_string(stage.program.path("notices/leak.yaml")).unwrap();
    stage.program.write("notices/leak.yaml", &notice.replace(&hours, "00:00-24:00"));
    let said = stage.program.json(&["run", "--until-idle"]);
    assert_eq!((&said["counts"]["accepted"], &said["held_up"]), (&5.into(), &serde_json::json!([])), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_hours_end_what_waits_in_memory_goes_back_to_the_queue() {
    well_before_midnight().await;
    let paced = "max_connections: 2, in_flight: 2, rate: 5";
    let stage = Stage::released(Queue::Sqlite, "breaker: off", paced, Script::new(), 1_000).await;
    // At the end of a minute, half a minute from now at least.
    let (now, here) = (now_ms(), stage.now());
    let closes = minute_of_day(now + 30_000) + 1;
    let left = 30_000 + 60_000 - ((now + 30_000) % 60_000);
    let ends = here + Duration::from_millis(left.unsigned_abs());
    let notice = std::fs::read_to_string(stage.program.path("notices/leak.yaml")).unwrap();
    let hours = format!("breaker: off, window: \"00:00-{}\"", clock(closes));
    stage.program.write("notices/leak.yaml", &notice.replace("breaker: off", &hours));
    let running = stage.program.start(&["run"]);
    assert!(eventually(&async || stage.relay.stats().mails > 5).await);
    assert!(stage.count(Status::Sending).await > 100, "they wait in memory");
    tokio::time::sleep(ends.saturating_sub(stage.now())).await;
    stage.stops_within_two_seconds(ends, (5, 2 * 2)).await;
    assert_eq!(stage.state(), "released");
    assert_eq!(stage.count(Status::Accepted).await as u64, stage.relay.stats().mails);
    assert!(running.terminate().success());
}

on_both_databases!(a_policy_edited_under_a_running_daemon_holds_within_two_seconds_and_is_in_the_ledger);
async fn a_policy_edited_under_a_running_daemon_holds_within_two_seconds_and_is_in_the_ledger(queue: Queue) {
    let paced = "max_connections: 2, in_flight: 2, rate: 30";
    let stage = Stage::released(queue, "breaker: off", paced, Script::new(), 1_000).await;
    let running = stage.program.start(&["run"]);
    assert!(eventually(&async || stage.relay.stats().mails > 20).await);
    let before = stage.entries("configuration").await;
    let notice = std::fs::read_to_string(stage.program.path("notices/leak.yaml")).unwrap();
    let window = format!("breaker: off, window: \"{}\"", closed());
    stage.program.write("notices/leak.yaml", &notice.replace("breaker: off", &window));
    stage.stops_within_two_seconds(stage.now(), (30, 2 * 2)).await;
    let sent = stage.relay.stats().mails;
    assert!(sent < 1_000, "it is outside its hours now: {sent}");
    assert_eq!(stage.entries("configuration").await, before + 1);
    stage.program.write("notices/leak.yaml", &notice);
    assert!(eventually(&async || stage.relay.stats().mails > sent).await, "{}", stage.program.said());
    assert!(running.terminate().success());
    stage.program.audit(&stage.relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_late_mails_are_is_told_by_the_policy_that_was_edited_under_the_running_daemon() {
    let health = "health: { listen: \"127.0.0.1:0\" }";
    let stage = Stage::new(Queue::Sqlite, "breaker: off", "max_connections: 2", health, Script::new()).await;
    stage.relay.close_listener().await;
    stage.release(3);
    let running = stage.program.start(&["run"]);
    let health = health_address(&stage.program).await;
    let on_time = || metrics(health).contains("owabi_oldest_due_age_seconds 0.0\n");
    assert!(eventually(&async || metrics(health).contains("owabi_figures_up 1\n") && !on_time()).await);
    let notice = std::fs::read_to_string(stage.program.path("notices/leak.yaml")).unwrap();
    let window = format!("breaker: off, window: \"{}\"", closed());
    stage.program.write("notices/leak.yaml", &notice.replace("breaker: off", &window));
    assert!(eventually(&async || on_time()).await, "{}", metrics(health));
    assert!(running.terminate().success());
}
