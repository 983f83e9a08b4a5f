//! `owabi run` as a service: what the manager is told, the watchdog, signals, and a configuration that changes meanwhile.

mod couriers;
mod log;
mod reload;
mod watchdog;

use crate::database_away::{ask, health_address};
use crate::support::audit;
use crate::support::manager::Manager;
use crate::support::program::{Program, Running};
use crate::support::world::{CAREFUL, addresses, eventually};
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Extensions, Moment, Point, Script, Then, When};
use rustix::process::Signal;
use serde_json::Value;
use std::time::Duration;

const HEALTH: &str = "health: { listen: \"127.0.0.1:0\" }\n";
/// How soon the manager wants to hear again that all is well.
const WATCHDOG: Duration = Duration::from_millis(600);
/// The point at which a relay holds still.
const HERE: &str = "here";

/// A daemon at work, and whoever watches it.
struct Service {
    relay: CaptureRelay,
    program: Program,
    manager: Manager,
    running: Running,
}

impl Service {
    async fn start(more: &str, members: usize, script: Script) -> Self {
        let extensions = Extensions { chunking: false, ..Extensions::default() };
        let options = CaptureOptions { extensions, script, ..CaptureOptions::default() };
        let relay = CaptureRelay::start(options).await.unwrap();
        let program = Program::released(relay.addr().port(), more, &addresses(members));
        let manager = Manager::new();
        let running = started(&program, &manager);
        manager.hears("READY=1").await;
        Self { relay, program, manager, running }
    }

    /// A daemon with one mail under way, whose reply the relay holds back.
    async fn held() -> Self {
        let script = Script::new().once(When::at(Point::Dot), Then::PauseUntil(HERE.into(), Moment::BeforeReply));
        let service = Self::start(&format!("{CAREFUL}{HEALTH}"), 5, script).await;
        service.relay.wait_reached(HERE).await;
        service
    }
}

fn started(program: &Program, manager: &Manager) -> Running {
    let mut command = program.command(&["run"]);
    manager.watches(&mut command, WATCHDOG);
    // A database that is held is away soon.
    command.env("OWABI_DATABASE__BUSY_TIMEOUT", "200ms");
    program.spawn(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_that_it_is_ready_how_far_it_is_and_that_it_ends() {
    let Service { relay: _relay, program: _program, manager, running } = Service::start("", 20, Script::new()).await;
    manager.hears("STATUS=idle: 20 of 20 accepted").await;
    manager.hears_times("WATCHDOG=1", manager.count("WATCHDOG=1") + 5).await;
    assert!(running.terminate().success());
    let said = manager.said();
    assert_eq!(said.iter().filter(|said| said.starts_with("READY")).count(), 1);
    assert!(said.contains(&"STOPPING=1\nSTATUS=stopping: 0 mails under way".to_owned()), "{said:?}");
    let ready = said.iter().position(|said| said == "READY=1").unwrap();
    let early = said[..ready]
        .iter()
        .all(|said| said == "STATUS=starting" || said == "WATCHDOG=1" || said.starts_with("EXTEND_TIMEOUT_USEC="));
    assert!(said[..ready].iter().any(|said| said.starts_with("EXTEND_TIMEOUT_USEC=")), "{said:?}");
    assert!(said[ready..].iter().all(|said| !said.starts_with("EXTEND_TIMEOUT_USEC=")), "{said:?}");
    assert!(early, "nothing is told of work that has not begun: {said:?}");
    let wrong = ["nobody is to be told", "no notice is released"];
    let knows = said.iter().all(|said| wrong.iter().all(|wrong| !said.contains(wrong)));
    assert!(knows, "nothing is told of notices and members before they are looked at: {said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_tells_how_many_mails_it_waits_for_and_they_finish() {
    let Service { relay, program, manager, running } = Service::held().await;
    running.ask_to_stop();
    manager.hears("STOPPING=1\nSTATUS=stopping: 1 mail under way").await;
    relay.release(HERE);
    assert!(running.wait().success());
    let accepted = program.rows().await.iter().filter(|row| row.status.as_str() == "accepted").count();
    assert_eq!((accepted, relay.captured().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_it_from_sending_stands_in_its_status() {
    let Service { relay, program, manager, running } = Service::held().await;
    program.json(&["pause", "leak", "--reason", "wait"]);
    relay.release(HERE);
    manager.hears("STATUS=idle: 1 of 5 accepted; paused: leak").await;
    let paused = serde_json::json!([{ "notice": "leak", "by": "operator" }]);
    assert_eq!(ask(health_address(&program).await).1["notices_paused"], paused);
    relay.close_listener().await;
    relay.drop_connections();
    program.json(&["resume", "leak"]);
    manager.hears("STATUS=no relay can be reached (main), nothing is sent: 1 of 5 accepted").await;
    relay.reopen().unwrap();
    manager.hears("STATUS=idle: 5 of 5 accepted").await;
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abstract_socket_is_told_as_well_and_a_short_run_is_ready_and_ends_too() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), "", &addresses(3));
    let manager = Manager::abstract_one();
    let mut command = program.command(&["run", "--until-idle"]);
    manager.watches(&mut command, WATCHDOG);
    assert!(program.spawn(command).wait().success());
    manager.hears("STOPPING=1").await;
    assert_eq!((manager.count("READY=1"), relay.captured().len()), (1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_verbs_tell_the_manager_nothing_and_neither_does_a_run_that_cannot_begin() {
    let program = Program::released(1, "", &addresses(1));
    let manager = Manager::new();
    let code = |verb: &[&str]| {
        let mut command = program.command(verb);
        manager.watches(&mut command, WATCHDOG);
        command.output().unwrap().status.code().unwrap()
    };
    assert_eq!((code(&["status"]), code(&["check"]), code(&["log"])), (0, 0, 0));
    program.configure("dispatch:", "language: klingon\ndispatch:");
    assert_eq!(code(&["run"]), 78);
    assert_eq!(manager.said(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_it_starts_is_not_taken_for_the_service() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), "alerts: { command: tell.sh }\n", &addresses(1));
    let script = program.write("tell.sh", "#!/bin/sh\nenv > \"$(dirname \"$0\")/told.part\"\nmv told.part told\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    program.write("templates/leak/subject.txt.hbs", "another text\n");
    let manager = Manager::new();
    let running = started(&program, &manager);
    assert!(eventually(&async || program.path("told").exists()).await, "{}", program.said());
    let told = std::fs::read_to_string(program.path("told")).unwrap();
    assert!(told.contains("PWD=") && !told.contains("NOTIFY_SOCKET") && !told.contains("WATCHDOG"), "{told}");
    assert_eq!(running.terminate().code(), Some(78), "its text is not the one that was released");
}
