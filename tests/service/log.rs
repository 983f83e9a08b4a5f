//! How much is logged, and where.

use super::*;
use crate::support::journald::{self, Journald};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signal_logs_more_and_the_other_what_is_configured() {
    let Service { relay: _relay, program, manager: _manager, running } = Service::start("", 1, Script::new()).await;
    let said = async |what: &str| {
        assert!(eventually(&async || program.said().contains(what)).await, "{what}: {}", program.said());
    };
    running.signal(Signal::USR1);
    said("what is logged has changed level=\"debug\" before=\"info\"").await;
    running.signal(Signal::USR1);
    said("what is logged has changed level=\"trace\" before=\"debug\"").await;
    running.signal(Signal::USR2);
    said("what is logged has changed level=\"info\" before=\"trace\"").await;
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_says_how_the_log_looks_whatever_the_configuration_says() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), HEALTH, &addresses(1));
    let stderr = |arguments: &[&str]| String::from_utf8(program.output(arguments).stderr).unwrap();
    let json = stderr(&["run", "--until-idle", "--log-format", "json"]);
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["level"], &first["message"]), (&"INFO".into(), &"GET /health says whether all is well".into()));
    let text = stderr(&["--log-format", "text", "run", "--until-idle"]);
    assert!(text.contains("INFO owabi::cli::run: GET /health says"), "{text}");
    assert_eq!(program.output(&["--log-format", "xml", "status"]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_unit_it_logs_into_the_journal_with_fields_and_nothing_beside_it() {
    if !journald::is_available() {
        return;
    }
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), HEALTH, &addresses(1));
    let journal = Journald::start();
    let run = program.command(&["run", "--until-idle"]);
    assert!(journal.unit(&run).output().unwrap().status.success(), "{}", journal.stderr());
    let entries = journal.entries();
    let told = entries.iter().find(|entry| entry.contains("GET /health")).unwrap();
    let fields: Vec<&str> = told.lines().collect();
    assert!(fields[0].starts_with("MESSAGE=GET /health says whether all is well address=127.0.0.1:"), "{told}");
    assert_eq!(fields[1..4], ["PRIORITY=6", "SYSLOG_IDENTIFIER=owabi", "TARGET=owabi::cli::run"]);
    assert!(fields[4].starts_with("OWABI_ADDRESS=127.0.0.1:"), "{told}");
    let begins = entries.iter().find(|entry| entry.contains("owabi begins to work by this configuration")).unwrap();
    assert!(begins.contains("\nOWABI_RELAYS=main\n") && begins.contains("\nOWABI_DATABASE=SQLite\n"), "{begins}");
    assert_eq!(journal.stderr(), "");
    // Asked for another form, it writes lines to stderr as ever.
    let text = program.command(&["--log-format", "text", "run", "--until-idle"]);
    assert!(journal.unit(&text).output().unwrap().status.success());
    assert!(journal.stderr().contains("INFO owabi::cli::run: GET /health") && journal.entries().len() == entries.len());
}
