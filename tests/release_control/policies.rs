//! No mail leaves by a policy that is not in the ledger, whoever read it from the disk, and when.

use super::{Queue, Stage};
use crate::support::audit;
use crate::support::world::{NOTICE, eventually};
use owabi_core::lifecycle::Status;
use owabi_core::watch::minute_of_day;
use owabi_smtp::capture::{Moment, Point, Script, Then, When};
use rustix::process::Signal;
use serde_json::Value;
use std::time::Duration;

const SLOW: &str = "max_connections: 2, rate: 30";

fn policy_file(stage: &Stage) -> String {
    std::fs::read_to_string(stage.program.path("notices/leak.yaml")).unwrap()
}

/// Edits the policy of the notice; it may be sent at any hour as before.
fn edit_policy(stage: &Stage) {
    let text = policy_file(stage);
    assert!(text.contains("resend_after: 300ms"), "{text}");
    stage.program.write("notices/leak.yaml", &text.replace("resend_after: 300ms", "resend_after: 5m"));
}

/// Closes the hours of the notice.
fn close(stage: &Stage) {
    let far = if minute_of_day(owabi::clock::now_ms()) < 720 { "20:00-21:00" } else { "03:00-04:00" };
    let closed = format!("breaker: off, window: \"{far}\"");
    stage.program.write("notices/leak.yaml", &policy_file(stage).replace("breaker: off", &closed));
}

/// How many entries of the ledger say that the notice's policy has changed.
fn policies_changed(stage: &Stage) -> usize {
    let shown = stage.program.json(&["ledger", "show", "--kind", "configuration"]);
    let names = |entry: &&Value| entry["body"]["changed"].to_string().contains("notices.leak.policy");
    shown["entries"].as_array().unwrap().iter().filter(names).count()
}

async fn at_work(members: usize) -> Stage {
    Stage::released(Queue::Sqlite, "breaker: off", SLOW, Script::new(), members).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_edited_while_its_notice_is_paused_is_in_the_ledger_though_another_notice_had_it_read() {
    let stage = at_work(300).await;
    stage.release_other(2);
    // Its files are missed, and the folder is read every five seconds.
    std::fs::remove_file(stage.program.path("notices/other.yaml")).unwrap();
    let running = stage.program.start(&["run"]);
    assert!(eventually(&async || stage.relay.stats().mails > 5).await);
    stage.program.json(&["pause", NOTICE]);
    assert!(eventually(&async || stage.count(Status::Sending).await == 0).await);
    let sent = stage.relay.stats().mails;
    edit_policy(&stage);
    tokio::time::sleep(Duration::from_secs(7)).await;
    stage.program.json(&["resume", NOTICE]);
    assert!(eventually(&async || stage.relay.stats().mails > sent + 20).await, "{}", stage.program.said());
    assert_eq!(policies_changed(&stage), 1);
    assert_eq!(running.terminate().code(), Some(1), "the other notice was not sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_edited_while_the_database_is_held_holds_and_is_in_the_ledger_when_it_is_not() {
    let stage = at_work(600).await;
    let running = stage.program.start(&["run"]);
    assert!(eventually(&async || stage.relay.stats().mails > 5).await);
    let mut lock = audit::connect(&stage.program.url()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    close(&stage);
    tokio::time::sleep(Duration::from_secs(6)).await;
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    assert!(eventually(&async || policies_changed(&stage) == 1).await, "{}", stage.program.said());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sent = stage.relay.stats().mails;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(sent < 600 && stage.relay.stats().mails == sent, "it is outside its hours: {sent}");
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_edited_while_the_text_was_another_one_holds_when_the_text_is_restored() {
    let stage = at_work(900).await;
    let running = stage.program.start(&["run"]);
    assert!(eventually(&async || stage.relay.stats().mails > 5).await);
    let file = stage.program.path("templates/leak/body.txt.hbs");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}P.S.\n")).unwrap();
    close(&stage);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sent = stage.relay.stats().mails;
    assert!(eventually(&async || stage.relay.stats().mails > sent).await, "what was released is sent");
    assert_eq!(policies_changed(&stage), 0);
    std::fs::write(&file, text).unwrap();
    assert!(eventually(&async || policies_changed(&stage) == 1).await, "{}", stage.program.said());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sent = stage.relay.stats().mails;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(sent < 900 && stage.relay.stats().mails == sent, "it is outside its hours: {sent}");
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_that_are_closed_while_a_reload_waits_for_a_slow_relay_are_obeyed_from_its_first_mail_on() {
    let script = Script::new().once(When::at(Point::Dot), Then::PauseUntil("slow".into(), Moment::BeforeReply));
    let careful = "max_connections: 1, in_flight: 1";
    let stage = Stage::released(Queue::Sqlite, "breaker: off", careful, script, 40).await;
    let running = stage.program.start(&["run"]);
    stage.relay.wait_reached("slow").await;
    running.signal(Signal::HUP);
    let read = async || stage.program.said().contains("the configuration is read again");
    assert!(eventually(&read).await, "{}", stage.program.said());
    close(&stage);
    // The watch of the run that ends looks no more.
    stage.relay.release("slow");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.relay.stats().mails, 1, "no other one left: {}", stage.program.said());
    assert!(running.terminate().success());
}
