//! A loop that hangs for real: the watch reads a notice's file again that is a pipe now, into which nobody writes.

use super::*;
use std::process::Command;

const HANGS: &str = "STATUS=does nothing any more: watch; idle: 1 of 1 accepted";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_with_a_wedged_loop_is_not_alive_any_more_and_says_which_loop() {
    let Service { relay: _relay, program, manager, running } = Service::start(HEALTH, 1, Script::new()).await;
    manager.hears("STATUS=idle: 1 of 1 accepted").await;
    let health = health_address(&program).await;
    let (code, said) = ask(health);
    assert_eq!((code, &said["loops"]["ok"]), (200, &true.into()), "{said}");
    assert!(said["loops"]["watched"].as_u64().unwrap() >= 10, "{said}");
    let pipe = program.path("notices/pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::rename(&pipe, program.path("notices/leak.yaml")).unwrap();
    let told = async || program.said().contains("a loop does nothing any more");
    assert!(eventually(&told).await, "{}", program.said());
    manager.hears(HANGS).await;
    tokio::time::sleep(3 * WATCHDOG).await;
    let mut since = manager.said().into_iter().skip_while(|said| said != HANGS);
    assert!(since.all(|said| said != "WATCHDOG=1"), "it is not fed from then on: {:?}", manager.said());
    let line = program.said().lines().find(|line| line.contains("a loop does nothing")).unwrap().to_owned();
    assert!(line.contains("ERROR") && line.contains("name=\"watch\"") && line.contains("longest_s=30"), "{line}");
    let (code, said) = ask(health);
    let wedged = &said["loops"]["wedged"];
    assert_eq!((code, &said["status"], &wedged[0]["name"]), (503, &"trouble".into(), &"watch".into()), "{said}");
    assert_eq!(wedged.as_array().unwrap().len(), 1, "and no other one: {said}");
    running.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_hangs_under_a_notice_whose_files_are_looked_for_keeps_neither_health_nor_a_stop_waiting() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), HEALTH, &addresses(1));
    let (file, kept) = (program.path("notices/leak.yaml"), program.path("kept"));
    std::fs::rename(&file, &kept).unwrap();
    let manager = Manager::new();
    let running = started(&program, &manager);
    manager.hears("READY=1").await;
    let missed = async || program.said().contains("a released notice is not sent");
    assert!(eventually(&missed).await, "{}", program.said());
    // Whoever reads first hangs, claimer or watch; the other one waits for it.
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let told = async || program.said().contains("a loop does nothing any more");
    assert!(eventually(&told).await, "{}", program.said());
    let (code, said) = ask(health_address(&program).await);
    let wedged: Vec<_> = said["loops"]["wedged"].as_array().unwrap().iter().map(|of| of["name"].clone()).collect();
    assert_eq!((code, wedged), (503, vec!["watch".into()]), "{said}");
    running.signal(Signal::HUP);
    manager.hears("RELOADING=1").await;
    running.ask_to_stop();
    manager.hears("STOPPING=1").await;
    assert_eq!(running.wait().code(), Some(78), "the files of what it was to send are not there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_whose_relay_is_silent_and_whose_database_is_held_is_alive() {
    let service = Service::held().await;
    let mut lock = audit::connect(&service.program.url()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    let Service { manager, program, running, relay } = service;
    manager.hears_times("WATCHDOG=1", manager.count("WATCHDOG=1") + 15).await;
    assert!(!program.said().contains("a loop does nothing"), "{}", program.said());
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    relay.release(HERE);
    manager.hears("STATUS=idle: 5 of 5 accepted").await;
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_was_stopped_as_a_whole_goes_on_without_blaming_a_loop() {
    let Service { relay: _relay, program, manager, running } = Service::start("", 1, Script::new()).await;
    running.freeze();
    tokio::time::sleep(Duration::from_secs(35)).await;
    running.thaw();
    manager.hears_times("WATCHDOG=1", manager.count("WATCHDOG=1") + 5).await;
    assert!(!program.said().contains("a loop does nothing"), "{}", program.said());
    assert!(running.terminate().success());
}
