//! `GET /metrics`, `/livez` and `/readyz` of the running daemon.

use crate::database_away::health_address;
use crate::database_trouble::Installation;
use crate::support::postgres::Server;
use crate::support::program::Program;
use crate::support::promtool;
use crate::support::world::{CAREFUL, addresses, eventually};
use owabi::health::metrics::{Described, FAMILIES, Kind};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Extensions, Moment, Point, Script, Then, When};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

const HEALTH: &str = "health: { listen: \"127.0.0.1:0\" }\n";
const HERE: &str = "here";

fn ask(at: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: owabi\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

/// The names of a sample's labels, without a histogram's own.
fn labels(sample: &str) -> BTreeSet<&str> {
    let within = sample.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
    let names = within.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name);
    names.filter(|name| *name != "le").collect()
}

fn is_of(of: &Described, sample: &str) -> bool {
    let name = sample.split(['{', ' ']).next().unwrap();
    match of.kind {
        Kind::Histogram => name.strip_prefix(of.name).is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end)),
        _ => name == of.name,
    }
}

/// Exactly the families of the list, each described as there, with exactly its labels.
fn is_as_listed(text: &str) {
    let told = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let told: Vec<_> = told.map(str::to_owned).collect();
    let kind = |kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    assert_eq!(told, FAMILIES.map(|of| format!("{} {}", of.name, kind(of.kind))));
    for of in FAMILIES {
        assert!(text.contains(&format!("# HELP {} {}.\n", of.name, of.help)), "{}: {text}", of.name);
        let samples: Vec<_> = text.lines().filter(|line| is_of(&of, line)).collect();
        let wanted: BTreeSet<_> = of.labels.iter().copied().collect();
        assert!(!samples.is_empty(), "{}: {text}", of.name);
        assert!(samples.iter().all(|sample| labels(sample) == wanted), "{samples:?}");
    }
    let strays: Vec<_> =
        text.lines().filter(|line| !line.starts_with('#') && !FAMILIES.iter().any(|of| is_of(of, line))).collect();
    assert!(strays.is_empty(), "{strays:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_those_of_the_list_count_what_happened_and_name_no_member() {
    let script = Script::new().once(When::at(Point::Rcpt).nth(2), Then::reply(550, "5.1.1 no such user"));
    let relay = CaptureRelay::start(CaptureOptions { script, ..CaptureOptions::default() }).await.unwrap();
    let program = Program::released(relay.addr().port(), &format!("{CAREFUL}{HEALTH}"), &addresses(3));
    let running = program.start(&["run"]);
    let at = health_address(&program).await;
    let done = async || program.rows().await.iter().all(|row| row.status.is_final());
    assert!(eventually(&done).await, "{}", program.said());
    let (code, text) = ask(at, "/metrics");
    assert_eq!(code, 200);
    is_as_listed(&text);
    for (series, n) in [
        ("owabi_deliveries{notice=\"leak\",status=\"accepted\"}", 2.0),
        ("owabi_deliveries{notice=\"leak\",status=\"failed\"}", 1.0),
        ("owabi_in_doubt{notice=\"leak\"}", 0.0),
        ("owabi_smtp_attempts_total{relay=\"main\",outcome=\"accepted\"}", 2.0),
        ("owabi_smtp_attempts_total{relay=\"main\",outcome=\"failed\"}", 1.0),
        ("owabi_smtp_attempts_total{relay=\"main\",outcome=\"in_doubt\"}", 0.0),
        ("owabi_smtp_attempt_duration_seconds_count{relay=\"main\"}", 3.0),
        ("owabi_oldest_due_age_seconds", 0.0),
        ("owabi_relay_up{relay=\"main\"}", 1.0),
        ("owabi_database_up", 1.0),
        ("owabi_figures_up", 1.0),
        ("owabi_notice_paused{notice=\"leak\"}", 0.0),
        ("owabi_notice_paused_itself{notice=\"leak\"}", 0.0),
    ] {
        assert_eq!(value(&text, series), Some(n), "{series}: {text}");
    }
    for status in Status::ALL {
        assert!(text.contains(&format!("{{notice=\"leak\",status=\"{}\"}}", status.as_str())), "{text}");
    }
    assert!(value(&text, "owabi_commit_duration_seconds_count").unwrap() >= 2.0, "{text}");
    assert!(value(&text, "process_resident_memory_bytes").unwrap() > 1e6, "{text}");
    assert!(!text.contains("example.jp") && !text.contains("no such user"), "{text}");
    promtool::is_content(&["check", "metrics"], &text);
    assert_eq!((ask(at, "/livez").0, ask(at, "/readyz")), (200, (200, "ok\n".to_owned())));
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_relay_the_daemon_lives_is_not_ready_and_says_how_late_the_mails_are() {
    let program = Program::released(1, &format!("{CAREFUL}{HEALTH}"), &addresses(3));
    program.configure("backoff_first: 50ms, backoff_max: 200ms", "backoff_first: 30s, backoff_max: 30s");
    let running = program.start(&["run"]);
    let at = health_address(&program).await;
    let away = async || ask(at, "/readyz").1.contains("[-]relays failed: none can be used\n");
    assert!(eventually(&away).await, "{:?}", ask(at, "/readyz"));
    assert_eq!((ask(at, "/livez").0, ask(at, "/readyz").0), (200, 503));
    assert_eq!(value(&ask(at, "/metrics").1, "owabi_relay_up{relay=\"main\"}"), Some(0.0));
    let late = async || value(&ask(at, "/metrics").1, "owabi_oldest_due_age_seconds").unwrap() > 1.0;
    assert!(eventually(&late).await, "{}", ask(at, "/metrics").1);
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_takes_connections_and_does_not_greet_is_not_up() {
    let silent = Script::new().once(When::at(Point::Greeting), Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    let relay = CaptureRelay::start(CaptureOptions { script: silent, ..CaptureOptions::default() }).await.unwrap();
    let program = Program::released(relay.addr().port(), &format!("{CAREFUL}{HEALTH}"), &addresses(1));
    let running = program.start(&["run"]);
    let at = health_address(&program).await;
    let up = || value(&ask(at, "/metrics").1, "owabi_relay_up{relay=\"main\"}");
    relay.wait_reached(HERE).await;
    assert_eq!(up(), Some(1.0), "some greet late");
    assert!(eventually(&async || up() == Some(0.0)).await);
    let (code, said) = crate::database_away::ask(at);
    let state = &said["relays"][0];
    assert_eq!((code, &state["up"], &state["failures"]), (503, &false.into(), &0.into()), "{said}");
    assert!(state["silent_since"].is_string() && ask(at, "/readyz").0 == 503, "{said}");
    relay.release(HERE);
    assert!(eventually(&async || up() == Some(1.0) && relay.captured().len() == 1).await);
    assert!(running.terminate().success());
}

/// The one with a held reply: the database goes away while an outcome is in hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_never_hangs_while_the_database_says_nothing_and_the_last_figures_keep_their_age() {
    let extensions = Extensions { chunking: false, ..Extensions::default() };
    let script = Script::new().once(When::at(Point::Dot).nth(2), Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    let relay = CaptureOptions { extensions, script, ..CaptureOptions::default() };
    let it = Installation::with(Server::shared(), 3, relay, (&format!("{CAREFUL}{HEALTH}"), "lease: 10m")).await;
    let running = it.run();
    it.relay.wait_reached(HERE).await;
    let at = health_address(&it.program).await;
    let before = ask(at, "/metrics").1;
    let sending = "owabi_deliveries{notice=\"leak\",status=\"sending\"}";
    let members = value(&before, sending);
    assert!(members.is_some_and(|n| n > 0.0), "{before}");
    it.wire.down();
    it.relay.release(HERE);
    let away = async || ask(at, "/readyz").1.contains("[-]database failed: ");
    assert!(eventually(&away).await);
    let old = async || value(&ask(at, "/metrics").1, "owabi_figures_age_seconds").unwrap() > 11.0;
    assert!(eventually(&old).await);
    let after = ask(at, "/metrics").1;
    assert_eq!((value(&after, sending), value(&after, "owabi_database_up")), (members, Some(0.0)), "{after}");
    assert_eq!((value(&after, "owabi_waiting_outcomes"), ask(at, "/livez").0), (Some(1.0), 200), "{after}");
    it.wire.up();
    it.finish(running).await;
    it.everybody_was_told_once().await;
}
