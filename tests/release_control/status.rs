//! `status`: whether anything sends, and what it has to send.

use super::{Queue, Stage, on_both_databases};
use crate::support::world::{NOTICE, eventually};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{Hangup, Moment, Point, Script, Then};
use serde_json::json;

fn said(stage: &Stage, arguments: &[&str]) -> String {
    let output = stage.program.output(arguments);
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

on_both_databases!(status_says_whether_anything_sends_and_never_a_time_that_has_passed);
async fn status_says_whether_anything_sends_and_never_a_time_that_has_passed(queue: Queue) {
    let stage = Stage::released(queue, "breaker: off", "max_connections: 1, rate: 2", Script::new(), 300).await;
    let text = said(&stage, &["status"]);
    assert!(text.contains("`owabi run` is not at work") && text.contains("due now, and not sent"), "{text}");
    assert!(!text.contains("next due"), "{text}");
    assert_eq!(stage.program.json(&["status"])["at_work"], false);
    let running = stage.program.start(&["run"]);
    assert!(eventually(&async || stage.relay.stats().mails > 0).await);
    let text = said(&stage, &["status"]);
    assert!(text.contains("at work") && !text.contains("not at work") && !text.contains("not sent"), "{text}");
    assert_eq!(stage.program.json(&["status"])["at_work"], true);
    assert!(running.terminate().success());
    assert_eq!(stage.program.json(&["status"])["at_work"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_says_that_a_text_that_is_not_the_released_one_is_not_sent() {
    let stage = Stage::released(Queue::Sqlite, "breaker: off", "max_connections: 1", Script::new(), 2).await;
    assert_eq!(stage.status()["as_released"], true);
    std::fs::remove_file(stage.program.path("notices/leak.yaml")).unwrap();
    let text = said(&stage, &["status"]);
    assert!(text.contains("missing or not as they were released") && !text.contains("due now"), "{text}");
    assert_eq!((&stage.status()["as_released"], &stage.status()["next_mail_at"]), (&json!(false), &json!(null)));
}

on_both_databases!(those_in_doubt_of_a_withdrawn_notice_are_listed_for_a_person_to_decide);
async fn those_in_doubt_of_a_withdrawn_notice_are_listed_for_a_person_to_decide(queue: Queue) {
    let lost = Then::Drop(Hangup::Rst, Moment::BeforeReply);
    let careful = "max_connections: 1, in_flight: 1, chunking: false";
    let stage = Stage::new(queue, "breaker: off", careful, "", Script::new().once(Point::Dot, lost)).await;
    let notice = std::fs::read_to_string(stage.program.path("notices/leak.yaml")).unwrap();
    stage.program.write("notices/leak.yaml", &notice.replace("resend_after: 300ms", "resend_after: 5m"));
    stage.release(3);
    let run = said(&stage, &["run", "--until-idle"]);
    assert!(run.contains("The next `owabi run` sends what is due then"), "{run}");
    assert_eq!(stage.count(Status::InDoubt).await, 1);
    assert_eq!(stage.program.json(&["unreachable", "--notice", NOTICE])["sum"]["decide"], 0);
    stage.program.json(&["withdraw", "--notice", NOTICE, "--reason", "wrong roster", "--yes"]);
    let list = stage.program.json(&["unreachable", "--notice", NOTICE, "--open"]);
    assert_eq!((&list["sum"]["decide"], &list["sum"]["under_way"]), (&json!(1), &json!(0)), "{list}");
    let no = list["to_decide"][0]["member_no"].as_str().unwrap();
    assert_eq!(list["to_decide"][0]["suggestion"], "decide");
    let run = said(&stage, &["run", "--until-idle"]);
    assert!(
        !run.contains("The next `owabi run` sends") && run.contains("its 1 in doubt are not sent to again"),
        "{run}"
    );
    stage.program.json(&["resolve", no, "--as", "letter", "--reason", "not known", "--yes"]);
    let list = stage.program.json(&["unreachable", "--notice", NOTICE]);
    assert_eq!((&list["sum"]["decide"], &list["sum"]["letter"]), (&json!(0), &json!(1)), "{list}");
}

on_both_databases!(pause_and_resume_say_what_they_did_and_why_they_did_not);
async fn pause_and_resume_say_what_they_did_and_why_they_did_not(queue: Queue) {
    let stage = Stage::new(queue, "breaker: off", "max_connections: 1", "", Script::new()).await;
    stage
        .program
        .import(&stage.program.write("roster.csv", "会員番号,氏名,メールアドレス\r\nM1,見本,a@example.jp\r\n"));
    assert!(said(&stage, &["pause", NOTICE]).contains("leak is not released yet: it needs no pause"));
    stage.program.release();
    let text = said(&stage, &["pause", NOTICE]);
    assert!(text.contains("leak is paused"), "{text}");
    let text = said(&stage, &["resume", NOTICE]);
    assert!(text.contains("leak goes on: the remaining 1 mails are sent"), "{text}");
    let none = ["withdraw", "--notice", NOTICE, "--domain", "nowhere.test", "--reason", "no", "--dry-run"];
    let text = said(&stage, &none);
    assert!(text.contains("nobody matches") && text.contains("a dry run; nothing was changed"), "{text}");
    assert!(said(&stage, &["log", "--member", "99999"]).contains("nothing matches"));
    assert!(!said(&stage, &["log"]).contains("nothing matches"));
    stage.program.json(&["withdraw", "--notice", NOTICE, "--reason", "wrong roster", "--yes"]);
    assert!(said(&stage, &["resume", NOTICE]).contains("leak is withdrawn, and cannot be resumed"));
}
