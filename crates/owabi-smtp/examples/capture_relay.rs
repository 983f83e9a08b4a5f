//! A capture relay as a process of its own: `capture_relay [--port N] [--maildir DIR] [--random-trouble SEED]
//! [--greylist SECONDS] [--rtt MILLISECONDS]`. Prints `listening ADDRESS`, and its statistics on Ctrl-C.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Script};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let relay = CaptureRelay::start(options(std::env::args().skip(1))?).await?;
    println!("listening {}", relay.addr());
    tokio::signal::ctrl_c().await?;
    println!("{:?}", relay.stats());
    relay.stop().await;
    Ok(())
}

fn options(mut args: impl Iterator<Item = String>) -> Result<CaptureOptions, Box<dyn Error>> {
    let mut options = CaptureOptions::default();
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--port" => options.listen.set_port(value.parse()?),
            "--maildir" => options.maildir = Some(value.into()),
            "--random-trouble" => options.script = Script::ordinary_trouble(value.parse()?),
            "--greylist" => options.script = options.script.greylist(Duration::from_secs(number(&value)?)),
            "--rtt" => options.rtt = Duration::from_millis(number(&value)?),
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(options)
}

fn number(value: &str) -> Result<u64, <u64 as FromStr>::Err> {
    value.parse()
}
