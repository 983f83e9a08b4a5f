//! A capture relay as a process of its own. Prints `listening ADDRESS`, and its statistics as one JSON line when it is
//! told to end (Ctrl-C or SIGTERM).
//!
//! `capture_relay [--address IP] [--port N] [--maildir DIR] [--count-only yes] [--chunking no] [--rtt MILLISECONDS]
//! [--refuse-every N] [--random-trouble SEED] [--greylist SECONDS] [--starttls PEM] [--account USER:PASSWORD]`
//!
//! With `--starttls`, a file with a certificate and its key, nothing is taken without TLS; with `--account` nothing without a login.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use owabi_smtp::capture::{
    Account, CaptureOptions, CaptureRelay, Keep, Point, Script, Stats, Then, When, server_config_from_pem,
};
use tokio::signal::unix::{SignalKind, signal};

// One thread: beside a program that is measured, the relay takes one core at most.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let relay = CaptureRelay::start(options(std::env::args().skip(1))?).await?;
    println!("listening {}", relay.addr());
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        ended = tokio::signal::ctrl_c() => ended?,
    }
    println!("{}", json(&relay.stats()));
    relay.stop().await;
    Ok(())
}

fn json(stats: &Stats) -> String {
    let Stats { connections, mails, reads, refusals, bytes_in, .. } = stats;
    format!(
        r#"{{"connections":{connections},"mails":{mails},"reads":{reads},"refusals":{refusals},"bytes":{bytes_in}}}"#
    )
}

fn options(mut args: impl Iterator<Item = String>) -> Result<CaptureOptions, Box<dyn Error>> {
    let mut options = CaptureOptions::default();
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--address" => options.listen.set_ip(value.parse()?),
            "--port" => options.listen.set_port(value.parse()?),
            "--maildir" => options.maildir = Some(value.into()),
            "--count-only" => options.keep = if value == "yes" { Keep::Nothing } else { options.keep },
            "--chunking" => options.extensions.chunking = value != "no",
            "--rtt" => options.rtt = Duration::from_millis(number(&value)?),
            "--refuse-every" => {
                let refused = When::at(Point::Rcpt).every_nth(number(&value)?);
                options.script = options.script.always(refused, Then::reply(550, "5.1.1 User unknown"));
            }
            "--random-trouble" => options.script = Script::ordinary_trouble(value.parse()?),
            "--greylist" => options.script = options.script.greylist(Duration::from_secs(number(&value)?)),
            "--starttls" => {
                let pem = std::fs::read(value)?;
                options.starttls = Some(server_config_from_pem(&pem, &pem)?);
                options.tls_required = true;
            }
            "--account" => {
                let (user, password) = value.split_once(':').ok_or("--account needs USER:PASSWORD")?;
                options.account = Some(Account { user: user.into(), password: password.into() });
                options.auth_required = true;
            }
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(options)
}

fn number(value: &str) -> Result<u64, <u64 as FromStr>::Err> {
    value.parse()
}
