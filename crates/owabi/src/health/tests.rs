//! Over a real socket.

use super::*;
use crate::service::Phase;
use std::net::SocketAddr;
use tempfile::{TempDir, tempdir};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn daemon(folder: &TempDir, started_at: i64) -> Daemon {
    let options = owabi_store::OpenOptions::new(format!("sqlite:{}", folder.path().join("owabi.db").display()));
    let store = owabi_store::Store::open(&options).await.unwrap();
    let live = Live::default();
    let figures = Figures::new(store, live.clone());
    Daemon { started_at, live, receipts: Troubles::default(), service: Service::default(), figures }
}

async fn serving(folder: &TempDir) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, daemon(folder, 1_646_179_200_000).await));
    at
}

async fn ask(at: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn relays(up: bool) -> [RelayState; 1] {
    let paused_until = (!up).then_some(1_000);
    [RelayState { name: "main".into(), up, silent_since: None, paused_until, failures: i64::from(!up) }]
}

#[tokio::test]
async fn it_answers_each_question_at_one_path() {
    let folder = tempdir().unwrap();
    let at = serving(&folder).await;
    let answer = ask(at, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("application/json"), "{answer}");
    assert!(answer.contains("\"started_at\":\"2022-03-02T09:00:00.000+09:00\""), "{answer}");
    for (request, code) in [("GET /", 404), ("GET /health/x", 404), ("POST /health", 405), ("DELETE /health", 405)] {
        let answer = ask(at, &format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{request}: {answer}");
    }
    let answer = ask(at, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("text/plain; version=0.0.4"), "{answer}");
    assert!(answer.contains("owabi_alerts_total{kind=\"relay_paused\"} 0\n"), "{answer}");
    let long = format!("GET /health HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(2 * LONGEST));
    assert!(!ask(at, &long).await.contains("200 OK"));
}

#[tokio::test]
async fn whoever_says_nothing_keeps_nobody_else_waiting_for_ever() {
    let folder = tempdir().unwrap();
    let at = serving(&folder).await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(TcpStream::connect(at).await.unwrap());
    }
    let asked = tokio::time::timeout(3 * PATIENCE, ask(at, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert!(asked.await.unwrap().contains("200 OK"));
}

#[tokio::test]
async fn all_is_well_only_when_the_database_and_every_relay_work() {
    let folder = tempdir().unwrap();
    let daemon = daemon(&folder, 0).await;
    let away = Trouble { since: 1_646_179_200_000, why: "full".into() };
    let recording = DatabaseState { recording: Some(away.clone()), waiting_outcomes: 3, ..DatabaseState::default() };
    let claiming = DatabaseState { claiming: Some(away), looked_at: Some(0), ..DatabaseState::default() };
    assert!(is_well(&DatabaseState::default(), &relays(true)));
    assert!(!is_well(&DatabaseState::default(), &relays(false)));
    assert!(!is_well(&recording, &relays(true)) && !is_well(&claiming, &relays(true)));
    let said = document(&daemon, &recording, &relays(false), &[]);
    let since = "2022-03-02T09:00:00.000+09:00";
    let database = json!({ "ok": false, "since": since, "why": "full", "waiting_outcomes": 3 });
    assert_eq!((&said["status"], &said["database"]), (&json!("trouble"), &database));
    assert_eq!(said["alerts"]["breaker_tripped"], json!({ "count": 0, "last": null }));
    let until = "1970-01-01T09:00:01.000+09:00";
    let paused = json!([{ "name": "main", "up": false, "paused_until": until, "failures": 1, "silent_since": null }]);
    assert_eq!((&said["relays"], &said["claiming"]["ok"]), (&paused, &json!(true)));
    let said = document(&daemon, &claiming, &relays(true), &[]);
    assert_eq!((&said["database"]["ok"], &said["claiming"]["since"]), (&json!(false), &json!(since)));
    assert_eq!(said["beating"], json!({ "ok": true, "since": null, "why": null }));
    let beating = DatabaseState { beating: claiming.claiming, ..DatabaseState::default() };
    assert!(!is_well(&beating, &relays(true)));
    let said = document(&daemon, &beating, &relays(true), &[]);
    assert_eq!(said["beating"], json!({ "ok": false, "since": since, "why": "full" }));
    assert_eq!((&said["database"]["ok"], &said["claiming"]["ok"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn a_refused_configuration_is_told_and_a_loop_that_does_nothing_is_trouble() {
    let folder = tempdir().unwrap();
    let (daemon, well) = (daemon(&folder, 0).await, DatabaseState::default());
    daemon.service.configuration(Some("owabi.yaml:3: language".into()), 1_646_179_200_000);
    let said = document(&daemon, &well, &relays(true), &[]);
    let (since, why) = ("2022-03-02T09:00:00.000+09:00", "owabi.yaml:3: language");
    assert_eq!(said["configuration"], json!({ "ok": false, "since": since, "why": why }));
    assert_eq!((&said["status"], &said["loops"]["ok"]), (&json!("ok"), &json!(true)));
    let pulse = daemon.live.pulses().begin("watch", Duration::from_secs(30));
    let wedged = Wedged { name: "watch".into(), silent: Duration::from_secs(31), within: Duration::from_secs(30) };
    let said = document(&daemon, &well, &relays(true), std::slice::from_ref(&wedged));
    let loops = json!({ "ok": false, "watched": 1, "wedged": [{ "name": "watch", "silent_s": 31, "longest_s": 30 }] });
    assert_eq!((&said["status"], &said["loops"]), (&json!("trouble"), &loops));
    pulse.retire();
    let why = "watch has done nothing for 31 s, and its longest round is 30 s".to_owned();
    assert_eq!(probes::live(&[wedged]), [("loops", Some(why))]);
}

#[tokio::test]
async fn whoever_ends_is_not_ready_any_more() {
    let folder = tempdir().unwrap();
    let daemon = daemon(&folder, 0).await;
    daemon.service.enter(Phase::Running);
    assert_eq!(probes::ready(&daemon, 0)[0], ("dispatcher", Some("has not begun".to_owned())));
    daemon.service.enter(Phase::Stopping);
    assert_eq!(probes::ready(&daemon, 0)[0], ("dispatcher", Some("is ending".to_owned())));
}

async fn of(at: SocketAddr, path: &str) -> (u16, String) {
    let answer = ask(at, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("text/plain"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn before_the_dispatcher_began_the_daemon_lives_and_is_not_ready() {
    let folder = tempdir().unwrap();
    let at = serving(&folder).await;
    assert_eq!(of(at, "/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(of(at, "/livez?verbose").await, (200, "[+]loops ok\nlivez check passed\n".to_owned()));
    let said = "[-]dispatcher failed: has not begun\n[+]database ok\n[+]relays ok\nreadyz check failed\n";
    assert_eq!(of(at, "/readyz").await, (503, said.to_owned()));
}

#[tokio::test]
async fn metrics_are_openmetrics_where_that_is_asked_for() {
    let folder = tempdir().unwrap();
    let at = serving(&folder).await;
    let openmetrics = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";
    let answer = ask(at, &format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{openmetrics}\r\n")).await;
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0"), "{answer}");
    assert!(answer.contains("# TYPE owabi_alerts counter\n") && answer.ends_with("# EOF\n"), "{answer}");
    assert!(answer.contains("# UNIT owabi_figures_age_seconds seconds\n"), "{answer}");
}
