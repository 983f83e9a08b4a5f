//! Sends N copies of one mail through C connections, every permit granted at once, and prints the rate.
//!
//! `client_speed HOST:PORT [--mode bdat|chained] [-n 100000] [-c 20] [-k 2] [--octets 11000] [--bad-every 0]`
//! With `--bad-every M` every Mth recipient is `no…@member.test`, for relays that refuse those.
//! Step mode and the absence of CHUNKING are the relay's to choose.

use bytes::Bytes;
use owabi_core::outcome::{Fault, Outcome};
use owabi_smtp::envelope::Parcel;
use owabi_smtp::relay::Relay;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|word| word == name).and_then(|at| arguments.get(at + 1));
    let number = |name: &str, default: u64| value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let Some((host, port)) = arguments.get(1).and_then(|target| target.rsplit_once(':')) else {
        eprintln!("usage: client_speed HOST:PORT [--mode bdat|chained] [-n N] [-c CONNECTIONS] [-k IN_FLIGHT]");
        return ExitCode::from(2);
    };
    let mut relay = Relay::new("speed", host, port.parse().unwrap_or(25));
    relay.in_flight = usize::try_from(number("-k", 2)).unwrap_or(2);
    relay.messages_per_connection = u32::MAX;
    relay.chunking = value("--mode").is_none_or(|mode| mode == "bdat");
    let line = "A line of a letter of apology, about as long as lines are.....\r\n";
    let octets = usize::try_from(number("--octets", 11_000)).unwrap_or(11_000);
    let body = Bytes::from(format!("Subject: speed\r\n\r\n{}", line.repeat(octets / line.len())));
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let job = Job {
        relay,
        body,
        bad_every: number("--bad-every", 0),
        left: AtomicU64::new(number("-n", 100_000)),
        accepted: AtomicU64::new(0),
    };
    runtime.block_on(measure(Arc::new(job), number("-c", 20)));
    ExitCode::SUCCESS
}

struct Job {
    relay: Relay,
    body: Bytes,
    bad_every: u64,
    left: AtomicU64,
    accepted: AtomicU64,
}

async fn measure(job: Arc<Job>, connections: u64) {
    let (begun, total) = (Instant::now(), job.left.load(Ordering::Relaxed));
    let senders: Vec<_> = (0..connections).map(|_| tokio::spawn(send(Arc::clone(&job)))).collect();
    for sender in senders {
        if let Ok(Err(fault)) = sender.await {
            eprintln!("{fault}");
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let accepted = u32::try_from(job.accepted.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
    println!("{accepted} accepted of {total} in {seconds:.2} s: {:.0} mails/s", f64::from(accepted) / seconds);
}

async fn send(job: Arc<Job>) -> Result<(), Fault> {
    let mut session = owabi_smtp::open(&job.relay).await?;
    let far = Instant::now() + Duration::from_hours(24);
    loop {
        while session.room() > 0 {
            let Ok(id) = job.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) else {
                break;
            };
            session.push(parcel(&job, id));
            session.permit(id, far);
        }
        if session.idle() {
            session.quit().await;
            return Ok(());
        }
        let progress = session.next().await;
        for done in &progress.finished {
            match &done.outcome {
                Outcome::Accepted(_) => {
                    job.accepted.fetch_add(1, Ordering::Relaxed);
                }
                Outcome::Refused(..) if is_bad(&job, done.id) => {}
                other => eprintln!("mail {}: {other:?}", done.id),
            }
        }
        if let Some(fault) = progress.closed {
            return Err(fault);
        }
    }
}

fn is_bad(job: &Job, id: u64) -> bool {
    job.bad_every > 0 && id.is_multiple_of(job.bad_every)
}

fn parcel(job: &Job, id: u64) -> Parcel {
    let user = if is_bad(job, id) { "no" } else { "ok" };
    Parcel {
        id,
        mail_from: format!("bounces+{id}@owabi.test"),
        rcpt_to: format!("{user}{id}@member.test"),
        envid: format!("a{id}"),
        orcpt: Some(format!("{user}{id}@member.test")),
        notify_success: false,
        smtputf8: false,
        body: job.body.clone(),
    }
}
