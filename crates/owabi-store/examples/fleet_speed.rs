//! What it costs to hold a limit for all daemons together: `fleet_speed URL beats|tokens [BATCH]`, on a database of owabi.
//!
//! `beats`: four daemons choose their shares of 40 limits, each once a second, and then as fast as they can. `tokens`: the
//! alternative that was not chosen: four takers get BATCH (1) turns at a time from one row of the database, as fast as they
//! can. Prints one JSON line a measurement.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use owabi_store::{DaemonRow, OpenOptions, Store};
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const DAEMONS: usize = 4;
const LIMITS: usize = 40;
const LASTS: Duration = Duration::from_secs(10);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, what, batch @ ..] = words.as_slice() else { panic!("fleet_speed URL beats|tokens [BATCH]") };
    let batch: u32 = batch.first().map_or(1, |batch| batch.parse().unwrap());
    let url = || url.clone();
    match what.as_str() {
        "beats" => {
            let second = Duration::from_secs(1);
            report("beats, each once a second", 1, |n| block_on(beats(url(), n, second)));
            report("beats without a pause", 1, |n| block_on(beats(url(), n, Duration::ZERO)));
        }
        "tokens" => {
            block_on(make_table(url()));
            report("tokens", batch, |_| block_on(tokens(url(), batch)));
        }
        other => panic!("{other} is neither beats nor tokens"),
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// How long each call took, in milliseconds.
async fn beats(url: String, n: usize, pause: Duration) -> Vec<f64> {
    let store = Store::open(&OpenOptions { migrate: true, ..OpenOptions::new(url) }).await.unwrap();
    let me = DaemonRow { id: format!("daemon {n}"), host: "host".into(), version: "1".into(), ..DaemonRow::default() };
    let shares: BTreeMap<String, f64> =
        (0..LIMITS).map(|n| (format!("domain:carrier{n}.example.jp:rate"), 7.5)).collect();
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < LASTS {
        let beat = Instant::now();
        store.beat(&me, 10_000, |_| shares.clone()).await.unwrap();
        took.push(beat.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(pause).await;
    }
    store.say_goodbye(&me.id).await.unwrap();
    store.close().await;
    took
}

async fn make_table(url: String) {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let table = "CREATE TABLE IF NOT EXISTS fleet_speed (name TEXT PRIMARY KEY, next_at DOUBLE PRECISION NOT NULL)";
    let row = "INSERT INTO fleet_speed VALUES ('relay', 0) ON CONFLICT DO NOTHING";
    for statement in [table, row] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

async fn tokens(url: String, batch: u32) -> Vec<f64> {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let take = "UPDATE fleet_speed SET next_at = GREATEST(next_at, $1) + $2 WHERE name = 'relay' RETURNING next_at";
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < LASTS {
        let turn = Instant::now();
        let taken = sqlx::query(take).bind(begun.elapsed().as_secs_f64()).bind(f64::from(batch) * 0.001);
        taken.fetch_one(&mut connection).await.unwrap();
        took.push(turn.elapsed().as_secs_f64() * 1000.0);
    }
    connection.close().await.unwrap();
    took
}

/// All daemons at a time, a thread and a runtime each.
fn report(what: &str, batch: u32, daemon: impl Fn(usize) -> Vec<f64> + Sync) {
    let mut took: Vec<f64> = std::thread::scope(|scope| {
        let daemon = &daemon;
        let daemons: Vec<_> = (0..DAEMONS).map(|n| scope.spawn(move || daemon(n))).collect();
        daemons.into_iter().flat_map(|daemon| daemon.join().unwrap()).collect()
    });
    took.sort_unstable_by(f64::total_cmp);
    let (median, worst) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    let calls = took.len() as f64 / LASTS.as_secs_f64();
    let turns = calls * f64::from(batch);
    println!(
        "{{\"what\":\"{what}\",\"batch\":{batch},\"commits_per_second\":{calls:.0},\"turns_per_second\":{turns:.0},\"median_ms\":{median:.2},\"p99_ms\":{worst:.2}}}"
    );
}
