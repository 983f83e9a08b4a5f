//! Whom the daemon tells: mail, program, `/health`, `/metrics`, ledger; the daily report; and who else may get mail.

use super::{Queue, Stage, on_both_databases, well_before_midnight};
use crate::database_away::{ask, health_address};
use crate::support::manager::Manager;
use crate::support::world::{NOTICE, addresses, eventually};
use base64::{Engine, engine::general_purpose::STANDARD};
use owabi_smtp::capture::{Captured, Point, Script, Then, When};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const OPERATOR: &str = "operator@sender.test";

/// The mails to the operator, as text.
fn letters(stage: &Stage) -> Vec<(String, String)> {
    let to_operator = |mail: &Captured| mail.rcpt_to() == [OPERATOR];
    let text = |mail: &Captured| {
        let (head, body) = std::str::from_utf8(&mail.bytes).unwrap().split_once("\r\n\r\n").unwrap();
        let body = STANDARD.decode(body.replace("\r\n", "")).unwrap();
        (head.to_owned(), String::from_utf8(body).unwrap())
    };
    stage.relay.captured().iter().filter(|mail| to_operator(mail)).map(text).collect()
}

pub(crate) fn metrics(at: SocketAddr) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: owabi\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

on_both_databases!(a_failed_canary_is_told_by_mail_by_a_program_in_health_and_metrics_and_in_the_ledger_once);
async fn a_failed_canary_is_told_by_mail_by_a_program_in_health_and_metrics_and_in_the_ledger_once(queue: Queue) {
    let refuse =
        Script::new().always(When::at(Point::Rcpt).domain("example.jp"), Then::reply(550, "5.1.1 no such user"));
    let more = format!(
        "health: {{ listen: \"127.0.0.1:0\" }}\nalerts: {{ mail: [{OPERATOR}], command: tell.sh }}\nlanguage: en\n"
    );
    let stage = Stage::new(queue, "breaker: off, canary: 5", "max_connections: 2", &more, refuse).await;
    let program = stage.program.write("tell.sh", "#!/bin/sh\n{ echo \"$1 $2\"; /bin/cat; echo; } >> told\n");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    stage.release(30);
    let running = stage.program.start(&["run"]);
    let health = health_address(&stage.program).await;
    assert!(eventually(&async || letters(&stage).len() == 1).await, "{}", stage.program.said());
    let (head, body) = letters(&stage).remove(0);
    for field in ["From: <bounces@example.jp>", "Auto-Submitted: auto-generated"] {
        assert!(head.contains(field), "{field}: {head}");
    }
    assert!(body.contains("the canary failed (0 accepted, "), "{body}");
    assert!(addresses(30).iter().all(|address| !head.contains(address) && !body.contains(address)), "{head}{body}");
    let told = || std::fs::read_to_string(stage.program.path("told")).unwrap_or_default();
    assert!(eventually(&async || told().ends_with("}\n")).await);
    let said = told();
    let (first, json) = said.split_once('\n').unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(
        (first, &json["kind"], &json["notice"]),
        ("canary_failed leak", &"canary_failed".into(), &NOTICE.into())
    );
    for (key, words) in [("text", "the canary failed"), ("text_en", "the canary failed"), ("text_ja", "試し送りの失敗")]
    {
        assert!(json[key].as_str().unwrap().contains(words), "{key}: {json}");
    }
    assert_eq!(ask(health).1["alerts"]["canary_failed"]["count"], 1);
    let leak = serde_json::json!([{ "notice": "leak", "by": "owabi" }]);
    let named = async || matches!(ask(health), (200, said) if said["notices_paused"] == leak);
    assert!(eventually(&named).await, "{:?}", ask(health));
    let paused = async || metrics(health).contains("owabi_notice_paused{notice=\"leak\"} 1\n");
    assert!(eventually(&paused).await, "{}", metrics(health));
    assert!(metrics(health).contains("owabi_alerts_total{kind=\"canary_failed\"} 1\n"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((letters(&stage).len(), stage.entries("alert").await), (1, 1), "once, and not once a second");
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_released_text_that_is_not_the_one_on_disk_is_told_once_and_sent_when_it_is_restored() {
    let stage = Stage::new(Queue::Sqlite, "breaker: off", "max_connections: 2", "", Script::new()).await;
    let file = stage.program.path("templates/leak/body.txt.hbs");
    let text = std::fs::read_to_string(&file).unwrap();
    let other = text.replace("お詫び", "ご挨拶");
    std::fs::write(&file, &other).unwrap();
    let manager = Manager::new();
    let running = manager.starts(&stage.program).await;
    running.freeze_without_lock(&stage.program.url()).await;
    std::fs::write(&file, &text).unwrap();
    stage.release(3);
    std::fs::write(&file, &other).unwrap();
    running.thaw();
    let told = async || stage.entries("alert").await == 1;
    assert!(eventually(&told).await, "{}", stage.program.said());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((stage.entries("alert").await, stage.relay.stats().mails), (1, 0));
    std::fs::write(&file, text).unwrap();
    assert!(eventually(&async || stage.relay.stats().mails == 3).await);
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_whose_text_changed_is_told_and_skipped_and_the_others_are_sent() {
    let stage = Stage::released(Queue::Sqlite, "breaker: off", "max_connections: 2", Script::new(), 3).await;
    let program = &stage.program;
    let run = || {
        let output = program.output(&["--json", "run", "--until-idle"]);
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), said["text_changed"].clone(), said["counts"]["accepted"].clone())
    };
    let file = program.path("templates/leak/body.txt.hbs");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}P.S.\n")).unwrap();
    assert_eq!(run(), (78, serde_json::json!(["leak"]), 0.into()), "nothing else could be done");
    assert_eq!((stage.entries("alert").await, stage.relay.stats().mails), (1, 0));
    let checked = program.output(&["check"]);
    assert_eq!(checked.status.code(), Some(78));
    assert!(String::from_utf8(checked.stdout).unwrap().contains("its files are not those that were released"));
    // Another notice is not kept back.
    stage.release_other(2);
    assert_eq!(run(), (1, serde_json::json!(["leak"]), 2.into()));
    std::fs::write(&file, text).unwrap();
    assert_eq!(run(), (0, serde_json::json!([]), 3.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_finds_a_program_that_cannot_be_run_and_addresses_and_times_that_are_none() {
    let alerts = "alerts: { command: tell.sh }\n";
    let stage = Stage::new(Queue::Sqlite, "breaker: off", "max_connections: 2", alerts, Script::new()).await;
    let problem = || {
        let said = stage.program.output(&["--json", "check"]);
        let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        said["problems"].to_string()
    };
    assert!(problem().contains("alerts.command"), "{}", problem());
    for (wrong, key) in [
        ("{ mail: [nobody] }", "alerts.mail[0]"),
        ("{ mail: [a@example.jp], from: nobody }", "alerts.from"),
        ("{ mail: [a@example.jp], daily: 9am }", "alerts.daily"),
        ("{ daily: \"09:00\" }", "alerts.daily"),
    ] {
        stage.program.configure(alerts, &format!("alerts: {wrong}\n"));
        assert_eq!(stage.program.output(&["check"]).status.code(), Some(78), "{wrong}");
        assert!(problem().contains(key), "{wrong}: {}", problem());
        stage.program.configure(&format!("alerts: {wrong}\n"), alerts);
    }
}

on_both_databases!(the_daily_report_is_one_mail_a_day_however_many_daemons_and_restarts);
async fn the_daily_report_is_one_mail_a_day_however_many_daemons_and_restarts(queue: Queue) {
    well_before_midnight().await;
    let more = format!("alerts: {{ mail: [{OPERATOR}], daily: \"00:00\" }}\nlanguage: en\n");
    let stage = Stage::new(queue, "breaker: off", "max_connections: 2", &more, Script::new()).await;
    stage.release(3);
    let daemons = if queue == Queue::Postgres { 2 } else { 1 };
    for _ in 0..2 {
        let managers: Vec<_> = (0..daemons).map(|_| Manager::new()).collect();
        let mut running = Vec::new();
        for manager in &managers {
            running.push(manager.starts(&stage.program).await);
        }
        assert!(eventually(&async || !letters(&stage).is_empty()).await, "{}", stage.program.said());
        // Whoever has looked at the clock by now would have told of the day again.
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(running.into_iter().all(|daemon| daemon.terminate().success()));
    }
    let told = letters(&stage);
    assert_eq!(told.len(), 1);
    for line in ["leak [released]", "mails that came back and wait for a look: 0", "owabi-head queue="] {
        assert!(told[0].1.contains(line), "{line}: {}", told[0].1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_a_release_no_mail_reaches_the_wire_but_to_a_listed_address() {
    let more = "test_send: { allow: [operator@sender.test] }\n";
    let stage = Stage::new(Queue::Sqlite, "breaker: off", "max_connections: 2", more, Script::new()).await;
    stage.program.import(&stage.program.write("roster.csv", &crate::support::program::roster(&addresses(3))));
    for to in ["u0@example.jp", "operator@sender.test.example.jp"] {
        let refused = stage.program.output(&["test-send", "--notice", NOTICE, "--to", to]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    }
    stage.program.json(&["run", "--until-idle"]);
    assert_eq!(stage.relay.stats().connections, 0);
    stage.program.json(&["test-send", "--notice", NOTICE, "--to", OPERATOR]);
    assert_eq!(stage.relay.deliveries().into_keys().collect::<Vec<_>>(), [OPERATOR]);
}
