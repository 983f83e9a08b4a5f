//! `GET /health`: whether all is well with the daemon, for whoever watches it; `GET /metrics`: what it counts.
//!
//! It names no member and repeats no relay's words. It looks at what the dispatcher noted, and asks nobody: it answers
//! while the database does not.

mod metrics;

use crate::alerts::Told;
use crate::clock::{monotonic, now_ms};
use crate::dispatch::{DatabaseState, Live, RelayState, Trouble};
use crate::japan;
use crate::receipts::Troubles;
use crate::service::{Service, Wedged};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 16;
/// How long one connection may take for its one question and answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Octets of a question.
const LONGEST: usize = 8 * 1024;
/// How long nothing is accepted after an accept failed, for want of file descriptors.
const BREATHER: Duration = Duration::from_millis(200);

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// When it started (epoch milliseconds).
    pub started_at: i64,
    /// What its dispatcher does.
    pub live: Live,
    /// What is wrong with the sources of receipts. Nothing is sent less for it, so it is told, and is no trouble of the daemon's.
    pub receipts: Troubles,
    /// What it knows of itself as a service.
    pub service: Service,
}

/// Answers until it is aborted.
pub async fn serve(listener: TcpListener, daemon: Daemon) {
    let router = Router::new().route("/health", get(health)).route("/metrics", get(count)).with_state(Arc::new(daemon));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => _ = tokio::spawn(answer(stream, router.clone(), place)),
            Err(_) => tokio::time::sleep(BREATHER).await,
        }
    }
}

async fn answer(stream: TcpStream, router: Router, place: OwnedSemaphorePermit) {
    let service = TowerToHyperService::new(router);
    let connection =
        http1::Builder::new().keep_alive(false).max_buf_size(LONGEST).serve_connection(TokioIo::new(stream), service);
    // Whoever is too slow or speaks no HTTP gets no further answer.
    let _ = tokio::time::timeout(PATIENCE, connection).await;
    drop(place);
}

async fn health(State(daemon): State<Arc<Daemon>>) -> impl IntoResponse {
    let now = now_ms();
    let (database, relays) = (daemon.live.database(now), daemon.live.relays(now));
    let wedged = daemon.live.pulses().wedged(monotonic());
    let status =
        if is_well(&database, &relays) && wedged.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(document(&daemon, &database, &relays, &wedged)))
}

async fn count(State(daemon): State<Arc<Daemon>>) -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, metrics::CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")];
    (headers, metrics::text(daemon.live.alerts(), &daemon.live.notices()))
}

fn is_well(database: &DatabaseState, relays: &[RelayState]) -> bool {
    database.trouble().is_none() && relays.iter().all(|relay| relay.up)
}

fn document(daemon: &Daemon, database: &DatabaseState, relays: &[RelayState], wedged: &[Wedged]) -> Value {
    let (since, why) = since_and_why(database.trouble());
    let (claiming_since, claiming_why) = since_and_why(database.claiming.as_ref());
    let (beating_since, beating_why) = since_and_why(database.beating.as_ref());
    json!({
        "status": if is_well(database, relays) && wedged.is_empty() { "ok" } else { "trouble" },
        "version": env!("CARGO_PKG_VERSION"),
        "daemon": { "pid": std::process::id(), "started_at": japan::iso(daemon.started_at) },
        "database": {
            "ok": database.trouble().is_none(),
            "since": since,
            "why": why,
            "waiting_outcomes": database.waiting_outcomes,
        },
        "relays": relays.iter().map(relay).collect::<Vec<_>>(),
        "claiming": {
            "ok": database.claiming.is_none(),
            "since": claiming_since,
            "why": claiming_why,
            "looked_at": database.looked_at.map(japan::iso),
        },
        "beating": { "ok": database.beating.is_none(), "since": beating_since, "why": beating_why },
        "receipts": daemon.receipts.list().iter().map(source).collect::<Vec<_>>(),
        "notices_paused": daemon.live.notices_paused(),
        "configuration": configuration(daemon),
        "loops": loops(daemon, wedged),
        "alerts": alerts(daemon),
    })
}

/// A refused one keeps nobody from sending: it is told, and is no trouble of the daemon's.
fn configuration(daemon: &Daemon) -> Value {
    let refused = daemon.service.refused();
    let (since, why) = since_and_why(refused.as_ref());
    json!({ "ok": refused.is_none(), "since": since, "why": why })
}

fn loops(daemon: &Daemon, wedged: &[Wedged]) -> Value {
    let one =
        |of: &Wedged| json!({ "name": of.name, "silent_s": of.silent.as_secs(), "longest_s": of.within.as_secs() });
    let wedged: Vec<_> = wedged.iter().map(one).collect();
    json!({ "ok": wedged.is_empty(), "watched": daemon.live.pulses().count(), "wedged": wedged })
}

fn alerts(daemon: &Daemon) -> Value {
    let told = daemon.live.alerts().told();
    let one = |of: Told| json!({ "count": of.count, "last": of.last.map(japan::iso) });
    told.into_iter().map(|(kind, of)| (kind.as_str().to_owned(), one(of))).collect::<serde_json::Map<_, _>>().into()
}

fn since_and_why(trouble: Option<&Trouble>) -> (Option<String>, Option<&str>) {
    (trouble.map(|trouble| japan::iso(trouble.since)), trouble.map(|trouble| trouble.why.as_str()))
}

fn source((name, trouble): &(String, Trouble)) -> Value {
    let (since, why) = since_and_why(Some(trouble));
    json!({ "source": name, "ok": false, "since": since, "why": why })
}

fn relay(relay: &RelayState) -> Value {
    let RelayState { name, up, paused_until, failures } = relay;
    json!({ "name": name, "up": up, "paused_until": paused_until.map(japan::iso), "failures": failures })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn daemon(started_at: i64) -> Daemon {
        Daemon { started_at, live: Live::default(), receipts: Troubles::default(), service: Service::default() }
    }

    async fn serving() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, daemon(1_646_179_200_000)));
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
        [RelayState { name: "main".into(), up, paused_until: (!up).then_some(1_000), failures: i64::from(!up) }]
    }

    #[tokio::test]
    async fn it_answers_each_question_at_one_path() {
        let at = serving().await;
        let answer = ask(at, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("application/json"), "{answer}");
        assert!(answer.contains("\"started_at\":\"2022-03-02T09:00:00.000+09:00\""), "{answer}");
        for (request, code) in [("GET /", 404), ("GET /health/x", 404), ("POST /health", 405), ("DELETE /health", 405)]
        {
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
        let at = serving().await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(at).await.unwrap());
        }
        let asked = tokio::time::timeout(3 * PATIENCE, ask(at, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(asked.await.unwrap().contains("200 OK"));
    }

    #[test]
    fn all_is_well_only_when_the_database_and_every_relay_work() {
        let away = Trouble { since: 1_646_179_200_000, why: "full".into() };
        let recording =
            DatabaseState { recording: Some(away.clone()), waiting_outcomes: 3, ..DatabaseState::default() };
        let claiming = DatabaseState { claiming: Some(away), looked_at: Some(0), ..DatabaseState::default() };
        assert!(is_well(&DatabaseState::default(), &relays(true)));
        assert!(!is_well(&DatabaseState::default(), &relays(false)));
        assert!(!is_well(&recording, &relays(true)) && !is_well(&claiming, &relays(true)));
        let said = document(&daemon(0), &recording, &relays(false), &[]);
        let since = "2022-03-02T09:00:00.000+09:00";
        let database = json!({ "ok": false, "since": since, "why": "full", "waiting_outcomes": 3 });
        assert_eq!((&said["status"], &said["database"]), (&json!("trouble"), &database));
        assert_eq!(said["alerts"]["breaker_tripped"], json!({ "count": 0, "last": null }));
        let paused =
            json!([{ "name": "main", "up": false, "paused_until": "1970-01-01T09:00:01.000+09:00", "failures": 1 }]);
        assert_eq!((&said["relays"], &said["claiming"]["ok"]), (&paused, &json!(true)));
        let said = document(&daemon(0), &claiming, &relays(true), &[]);
        assert_eq!((&said["database"]["ok"], &said["claiming"]["since"]), (&json!(false), &json!(since)));
        assert_eq!(said["beating"], json!({ "ok": true, "since": null, "why": null }));
        let beating = DatabaseState { beating: claiming.claiming, ..DatabaseState::default() };
        assert!(!is_well(&beating, &relays(true)));
        let said = document(&daemon(0), &beating, &relays(true), &[]);
        assert_eq!(said["beating"], json!({ "ok": false, "since": since, "why": "full" }));
        assert_eq!((&said["database"]["ok"], &said["claiming"]["ok"]), (&json!(false), &json!(true)));
    }

    #[test]
    fn a_refused_configuration_is_told_and_a_loop_that_does_nothing_is_trouble() {
        let (daemon, well) = (daemon(0), DatabaseState::default());
        daemon.service.configuration(Some("owabi.yaml:3: language".into()), 1_646_179_200_000);
        let said = document(&daemon, &well, &relays(true), &[]);
        let (since, why) = ("2022-03-02T09:00:00.000+09:00", "owabi.yaml:3: language");
        assert_eq!(said["configuration"], json!({ "ok": false, "since": since, "why": why }));
        assert_eq!((&said["status"], &said["loops"]["ok"]), (&json!("ok"), &json!(true)));
        let pulse = daemon.live.pulses().begin("watch", Duration::from_secs(30));
        let wedged = Wedged { name: "watch".into(), silent: Duration::from_secs(31), within: Duration::from_secs(30) };
        let said = document(&daemon, &well, &relays(true), &[wedged]);
        let loops =
            json!({ "ok": false, "watched": 1, "wedged": [{ "name": "watch", "silent_s": 31, "longest_s": 30 }] });
        assert_eq!((&said["status"], &said["loops"]), (&json!("trouble"), &loops));
        pulse.retire();
    }
}
