//! SIGHUP: a good configuration is used from then on, a bad one is not, and nobody is lost or told twice.

use super::*;
use crate::release_control::{Queue, Stage, metrics, on_both_databases};
use std::collections::HashMap;

/// Waits for the answer to so many reloads.
async fn reloaded(manager: &Manager, times: usize) {
    manager.hears_times("RELOADING=1\nMONOTONIC_USEC=", times).await;
    manager.hears_times("READY=1", times + 1).await;
}

/// The keys that the ledger's newest entry of a configuration says have changed.
fn changed(program: &Program) -> Vec<String> {
    let shown = program.json(&["ledger", "show", "--kind", "configuration"]);
    let newest = shown["entries"].as_array().unwrap().iter().max_by_key(|entry| entry["seq"].as_i64()).unwrap();
    let changed = newest["body"]["changed"].as_array().cloned().unwrap_or_default();
    changed.iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

on_both_databases!(a_new_relay_and_rate_are_used_in_the_middle_of_sending_and_nobody_is_lost_or_told_twice);
async fn a_new_relay_and_rate_are_used_in_the_middle_of_sending_and_nobody_is_lost_or_told_twice(queue: Queue) {
    const MEMBERS: usize = 400;
    let stage = Stage::released(queue, "breaker: off", "max_connections: 2, rate: 20", Script::new(), MEMBERS).await;
    let (relay, program, manager) = (&stage.relay, &stage.program, Manager::new());
    let running = started(program, &manager);
    let second = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    assert!(eventually(&async || relay.captured().len() > 10).await);
    let (from, to) = (format!("port: {}", relay.addr().port()), format!("port: {}", second.addr().port()));
    program.configure(&from, &to);
    program.configure("rate: 20", "rate: 1000");
    running.signal(Signal::HUP);
    reloaded(&manager, 1).await;
    let by_the_first = relay.captured().len();
    manager.hears(&format!("STATUS=idle: {MEMBERS} of {MEMBERS} accepted")).await;
    assert!(running.terminate().success());
    assert!(by_the_first < MEMBERS, "it was not in the middle");
    assert_eq!((relay.captured().len(), second.captured().len()), (by_the_first, MEMBERS - by_the_first));
    let mut told: HashMap<String, u64> = relay.deliveries();
    for (to, times) in second.deliveries() {
        *told.entry(to).or_default() += times;
    }
    assert!(told.len() == MEMBERS && told.values().all(|times| *times == 1), "{told:?}");
    let rows = stage.rows().await;
    assert!(rows.iter().all(|row| row.used == 1 && row.status.as_str() == "accepted"), "{rows:?}");
    assert_eq!(changed(program), ["smtp.relays[0].port", "smtp.relays[0].rate"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_waits_for_a_database_that_is_held_and_loses_nothing() {
    let Service { relay, program, manager, running } = Service::start("", 1, Script::new()).await;
    manager.hears("STATUS=idle: 1 of 1 accepted").await;
    let mut lock = audit::connect(&program.url()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    program.configure("dispatch:", "language: en\ndispatch:");
    running.signal(Signal::HUP);
    let waits = async || program.said().contains("the new configuration waits for the database");
    assert!(eventually(&waits).await, "{}", program.said());
    assert_eq!(manager.count("READY=1"), 1);
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    reloaded(&manager, 1).await;
    program.import(&program.write("more.csv", "会員番号,氏名,メールアドレス\nX1,山田 花子,x1@example.jp\n"));
    program.release();
    assert!(eventually(&async || relay.captured().len() == 2).await, "{}", program.said());
    assert!(running.terminate().success());
    assert_eq!(changed(&program), ["language"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_configuration_is_refused_with_its_place_and_the_old_one_stays_until_a_good_one_comes() {
    let Service { relay, program, manager, running } = Service::start(HEALTH, 2, Script::new()).await;
    let health = health_address(&program).await;
    let good = std::fs::read_to_string(program.path("owabi.yaml")).unwrap();
    assert_eq!(ask(health).1["configuration"]["ok"], true);
    let notice = std::fs::read_to_string(program.path("notices/leak.yaml")).unwrap();
    let line = good.lines().count() + 1;
    let mistakes = [
        ("owabi.yaml", format!("{good}log: {{ level: loud }}\n"), format!("owabi.yaml:{line}:")),
        ("owabi.yaml", good.replace("sqlite:owabi.db", "sqlite:other.db"), "owabi.yaml:1: database.url".to_owned()),
        ("notices/next.yaml", "id: [".to_owned(), "next.yaml".to_owned()),
        ("owabi.yaml", format!("{good}alerts: {{ command: nowhere.sh }}\n"), "alerts.command".to_owned()),
    ];
    for (n, (file, text, place)) in mistakes.iter().enumerate() {
        program.write(file, text);
        running.signal(Signal::HUP);
        reloaded(&manager, n + 1).await;
        let (code, said) = ask(health);
        let why = said["configuration"]["why"].as_str().unwrap();
        assert!(code == 200 && said["configuration"]["ok"] == false && why.contains(place), "{place}: {said}");
        assert_eq!(said["alerts"]["configuration_refused"]["count"], 1, "once, until a good one comes");
        assert!(metrics(health).contains("owabi_configuration_refused 1\n"));
        let line = program.said().lines().rfind(|line| line.contains("ERROR")).unwrap().to_owned();
        assert!(line.contains("refused") && line.contains(place.as_str()), "{line}");
        program.write("owabi.yaml", &good);
        let _ = std::fs::remove_file(program.path("notices/next.yaml"));
    }
    manager.hears("STATUS=the new configuration is refused, the old one is used; idle: 2 of 2 accepted").await;
    assert!(!program.path("other.db").exists());
    program.write("more.csv", "会員番号,氏名,メールアドレス\nX1,山田 花子,x1@example.jp\n");
    program.import(&program.path("more.csv"));
    program.release();
    assert!(eventually(&async || relay.captured().len() == 3).await, "the old one is used: {}", program.said());
    program.write("notices/leak.yaml", &notice);
    running.signal(Signal::HUP);
    reloaded(&manager, mistakes.len() + 1).await;
    assert_eq!(ask(health).1["configuration"], serde_json::json!({ "ok": true, "since": null, "why": null }));
    assert!(metrics(health).contains("owabi_configuration_refused 0\n"));
    assert!(running.terminate().success());
    let alerts = program.json(&["ledger", "show", "--kind", "alert"])["entries"].clone();
    assert_eq!((alerts.as_array().unwrap().len(), &alerts[0]["body"]["kind"]), (1, &"configuration_refused".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_that_are_asked_for_during_a_reload_are_one_and_the_mail_under_way_finishes_first() {
    let Service { relay, program, manager, running } = Service::held().await;
    for _ in 0..5 {
        running.signal(Signal::HUP);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    manager.hears("STATUS=reloading: 1 mail under way").await;
    let begun = manager.said().iter().position(|said| said.starts_with("RELOADING")).unwrap();
    let asks = async || manager.said()[begun..].iter().any(|said| said.starts_with("EXTEND_TIMEOUT_USEC="));
    assert!(eventually(&asks).await, "it asks for time: {:?}", manager.said());
    assert_eq!((manager.count("READY=1"), relay.captured().len()), (1, 1));
    relay.release(HERE);
    reloaded(&manager, 2).await;
    manager.hears("STATUS=idle: 5 of 5 accepted").await;
    let reloads = manager.said().iter().filter(|said| said.starts_with("RELOADING")).count();
    assert_eq!((reloads, manager.count("READY=1")), (2, 3));
    assert!(running.terminate().success());
    program.audit(&relay).await;
    assert!(relay.deliveries().values().all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_during_a_reload_stops_and_does_not_wait_longer_than_a_stop_may() {
    let Service { relay, program, manager, running } = Service::held().await;
    running.signal(Signal::HUP);
    manager.hears("STATUS=reloading: 1 mail under way").await;
    running.ask_to_stop();
    manager.hears("STOPPING=1\nSTATUS=stopping: 1 mail under way").await;
    // The relay never answers: dispatch.stop_timeout, 3 s here, ends the wait.
    assert!(running.wait().success());
    assert_eq!(manager.count("READY=1"), 1);
    let doubt = program.rows().await.iter().filter(|row| row.status.as_str() == "in_doubt").count();
    assert_eq!((doubt, relay.captured().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_s_changed_policy_and_the_log_s_level_are_taken_by_a_reload() {
    let Service { relay: _relay, program, manager, running } = Service::start("", 1, Script::new()).await;
    manager.hears("STATUS=idle: 1 of 1 accepted").await;
    let notice = std::fs::read_to_string(program.path("notices/leak.yaml")).unwrap();
    program.write("notices/leak.yaml", &notice.replace("resend_after: 300ms", "resend_after: 5m"));
    program.configure("dispatch:", "log: { level: debug }\ndispatch:");
    running.signal(Signal::HUP);
    reloaded(&manager, 1).await;
    assert!(running.terminate().success());
    let noted = program.json(&["ledger", "show", "--kind", "configuration"])["entries"].to_string();
    assert!(noted.contains("notices.leak.policy") && noted.contains("log.level"), "{noted}");
    assert!(program.said().contains("what is logged has changed level=\"debug\""), "{}", program.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_retries_and_alerts_are_those_of_the_configuration_that_was_loaded_last() {
    let script = Script::new().once(When::at(Point::Rcpt).nth(2), Then::reply(451, "4.3.0 later"));
    let Service { relay, program, manager, running } = Service::start("", 1, script).await;
    manager.hears("STATUS=idle: 1 of 1 accepted").await;
    let tell = program.write("tell.sh", "#!/bin/sh\ntouch \"$(dirname \"$0\")/told\"\n");
    std::fs::set_permissions(&tell, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    program.configure("bounces@example.jp", "returned@example.jp");
    program.configure("attempts: 3", "attempts: 1");
    program.configure("dispatch:", "alerts: { command: tell.sh }\ndispatch:");
    running.signal(Signal::HUP);
    reloaded(&manager, 1).await;
    let two = "会員番号,氏名,メールアドレス\nX1,山田 花子,x1@example.jp\nX2,鈴木 一郎,x2@example.jp\n";
    program.import(&program.write("more.csv", two));
    program.release();
    let ended = async || program.rows().await.iter().all(|row| row.status.is_final());
    assert!(eventually(&ended).await, "{}", program.said());
    let failed = program.rows().await.iter().filter(|row| row.status.as_str() == "failed").count();
    assert_eq!((failed, relay.captured().len()), (1, 2), "one attempt is all, and the relay put one off");
    let senders: Vec<_> = relay.captured().iter().map(|mail| mail.envelope.mail_from.clone()).collect();
    assert!(senders[0].starts_with("bounces+") && senders[1].starts_with("returned+"), "{senders:?}");
    program.configure("attempts: 1", "attempts: 0");
    running.signal(Signal::HUP);
    assert!(eventually(&async || program.path("told").exists()).await, "{}", program.said());
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_was_accepted_is_used_though_its_password_is_gone_when_the_mails_under_way_are_done() {
    let Service { relay, program, manager, running } = Service::held().await;
    let password = program.write("password", "secret\n");
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let imap = "receipts: { imap: { host: 127.0.0.1, port: 1, user: b, password_file: password } }";
    program.configure("dispatch:", &format!("{imap}\ndispatch:"));
    running.signal(Signal::HUP);
    manager.hears("STATUS=reloading: 1 mail under way").await;
    std::fs::remove_file(password).unwrap();
    relay.release(HERE);
    reloaded(&manager, 1).await;
    manager.hears("STATUS=idle: 5 of 5 accepted").await;
    assert!(running.terminate().success(), "{}", program.said());
    assert!(changed(&program).iter().any(|key| key == "receipts.imap.password_file"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_cannot_begin_after_all_gives_way_to_the_one_before_it_and_the_reason_is_told() {
    let Service { relay, program, manager, running } = Service::start(HEALTH, 1, Script::new()).await;
    let health = health_address(&program).await;
    manager.hears("STATUS=idle: 1 of 1 accepted").await;
    let mut queue = audit::connect(&program.url()).await;
    let refuses = "CREATE TRIGGER refuses BEFORE UPDATE ON meta WHEN NEW.key LIKE 'configuration:%' \
                   BEGIN SELECT RAISE(ABORT, 'no other configuration'); END";
    sqlx::query(refuses).execute(&mut queue).await.unwrap();
    program.configure("dispatch:", "language: en\ndispatch:");
    running.signal(Signal::HUP);
    reloaded(&manager, 1).await;
    let (code, said) = ask(health);
    let why = said["configuration"]["why"].as_str().unwrap();
    assert!(code == 200 && why.contains("no other configuration"), "{said}");
    assert!(program.said().contains("the old one is used again"), "{}", program.said());
    program.import(&program.write("more.csv", "会員番号,氏名,メールアドレス\nX1,山田 花子,x1@example.jp\n"));
    program.release();
    assert!(eventually(&async || relay.captured().len() == 2).await, "{}", program.said());
    sqlx::query("DROP TRIGGER refuses").execute(&mut queue).await.unwrap();
    running.signal(Signal::HUP);
    reloaded(&manager, 2).await;
    assert_eq!(ask(health).1["configuration"]["ok"], true);
    assert!(running.terminate().success());
    assert_eq!(changed(&program), ["language"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_ready_while_an_accepted_configuration_waits_whatever_is_refused_meanwhile() {
    let Service { relay: _relay, program, manager, running } = Service::start("", 1, Script::new()).await;
    manager.hears("STATUS=idle: 1 of 1 accepted").await;
    let mut lock = audit::connect(&program.url()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    program.configure("dispatch:", "language: en\ndispatch:");
    running.signal(Signal::HUP);
    assert!(eventually(&async || program.said().contains("waits for the database")).await, "{}", program.said());
    program.configure("language: en", "language: klingon");
    running.signal(Signal::HUP);
    assert!(eventually(&async || program.said().contains("is refused")).await, "{}", program.said());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(manager.count("READY=1"), 1);
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    manager.hears_times("READY=1", 2).await;
    assert!(running.terminate().success());
    program.configure("language: klingon", "language: en");
    assert_eq!(changed(&program), ["language"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_about_an_alert_that_a_silent_relay_holds_up_is_sent_through_the_relay_of_the_next_configuration() {
    let silent = Script::new().always(When::at(Point::Greeting), Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    let silent = CaptureRelay::start(CaptureOptions { script: silent, ..CaptureOptions::default() }).await.unwrap();
    let second = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let more = "alerts: { mail: [operator@example.jp] }\n";
    let (program, manager) = (Program::new(silent.addr().port(), more), Manager::new());
    let running = started(&program, &manager);
    manager.hears("READY=1").await;
    program.configure("dispatch:", "language: klingon\ndispatch:");
    running.signal(Signal::HUP);
    silent.wait_reached(HERE).await;
    program.configure("language: klingon", "language: en");
    let (from, to) = (format!("port: {}", silent.addr().port()), format!("port: {}", second.addr().port()));
    program.configure(&from, &to);
    running.signal(Signal::HUP);
    reloaded(&manager, 2).await;
    assert!(eventually(&async || second.captured().len() == 1).await, "{}", program.said());
    let letter = second.captured().remove(0);
    assert_eq!(letter.rcpt_to(), ["operator@example.jp"]);
    assert!(String::from_utf8_lossy(&letter.bytes).contains("Auto-Submitted: auto-generated"));
    assert!(silent.captured().is_empty());
    assert!(running.terminate().success());
}
