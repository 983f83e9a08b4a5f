//! `GET /health`: whether all is well with the daemon, for whoever watches it; `GET /livez` and `GET /readyz`: the same for
//! programs; `GET /metrics`: what it counts.
//!
//! It names no member and repeats no relay's words. It looks at what the dispatcher noted and asks nobody, so it answers while the
//! database does not; only `/metrics` asks the database, and does not wait for it.

mod families;
mod figures;
pub mod metrics;
mod probes;
mod process;

pub use figures::Figures;

use crate::alerts::Told;
use crate::clock::{monotonic, now_ms};
use crate::dispatch::{DatabaseState, Live, RelayState, Trouble};
use crate::japan;
use crate::receipts::Troubles;
use crate::service::{Service, Wedged};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
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
    /// What the database says, for `/metrics`.
    pub figures: Figures,
    /// What it knows of itself as a service.
    pub service: Service,
}

/// Answers until it is aborted.
pub async fn serve(listener: TcpListener, daemon: Daemon) {
    let router = Router::new()
        .route("/health", get(health))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(count))
        .with_state(Arc::new(daemon));
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

async fn live(State(daemon): State<Arc<Daemon>>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let (status, text) =
        probes::answer("livez", &probes::live(&daemon.live.pulses().wedged(monotonic())), is_verbose(query.as_deref()));
    (status, [(header::CACHE_CONTROL, "no-store")], text)
}

async fn ready(State(daemon): State<Arc<Daemon>>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let (status, text) = probes::answer("readyz", &probes::ready(&daemon, now_ms()), is_verbose(query.as_deref()));
    (status, [(header::CACHE_CONTROL, "no-store")], text)
}

fn is_verbose(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|word| word.split('=').next() == Some("verbose")))
}

async fn count(State(daemon): State<Arc<Daemon>>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (kind, text) = metrics::answer(&daemon, accept, now_ms()).await;
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text)
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
        "notices_paused": daemon.live.notices_paused().iter().map(paused).collect::<Vec<_>>(),
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

fn paused((notice, itself): &(String, bool)) -> Value {
    json!({ "notice": notice, "by": if *itself { "owabi" } else { "operator" } })
}

fn relay(relay: &RelayState) -> Value {
    let RelayState { name, up, silent_since, paused_until, failures } = relay;
    let (paused_until, silent_since) = (paused_until.map(japan::iso), silent_since.map(japan::iso));
    json!({ "name": name, "up": up, "paused_until": paused_until, "failures": failures, "silent_since": silent_since })
}

#[cfg(test)]
mod tests;
