//! How much is logged, and where.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signal_logs_more_and_the_other_what_is_configured() {
    let Service { program, running, .. } = Service::start("", 1, Script::new()).await;
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
