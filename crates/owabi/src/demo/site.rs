//! The demonstration's own folder: configuration, notice, templates, roster, and the relay's mails.

use super::people;
use crate::cli::init::{FILES, write_new};
use crate::config::{Config, ConfigError, Environment};
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Hangup, Keep, Moment, Point, Script, Then, When};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What the demonstration sends.
pub(super) const NOTICE: &str = "metaps-2022";

/// A folder of our own, that nobody else can read.
pub(super) fn create(dir: &Path) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::DirBuilder::new().mode(0o700).create(dir)
}

/// Writes everything but the database and the mails.
pub(super) fn write(dir: &Path, port: u16, people: u32) -> io::Result<PathBuf> {
    for (name, text) in FILES {
        let of_notice = *name == "notices/metaps-2022.yaml";
        write_new(&dir.join(name), &if of_notice { hurried(text) } else { (*text).to_owned() })?;
    }
    write_new(&dir.join("owabi.yaml"), &configuration(port))?;
    let roster = dir.join("payments-cp932.csv");
    std::fs::write(&roster, people::export(people))?;
    Ok(roster)
}

/// The notice with a policy for people who watch: no hours, no pause after the first mails, no hour of waiting.
fn hurried(notice: &str) -> String {
    let said = notice.split("\npolicy:").next().unwrap_or(notice);
    format!(
        "{said}\npolicy: {{ approvals_required: 1, in_doubt: {{ resend_after: 1s }}, breaker: off }}\n\ntest_addresses: [notice@example.jp]\n"
    )
}

fn configuration(port: u16) -> String {
    format!(
        "# Written by `owabi demo`. The relay was inside that program and is gone.\n\
         database: {{ url: \"sqlite:owabi.db\" }}\n\
         notices: {{ dir: notices, templates: templates }}\n\
         smtp:\n  relays:\n    - {{ name: capture, host: 127.0.0.1, port: {port}, tls: none, chunking: false, max_connections: 4 }}\n  \
         bounce: {{ address: bounces@example.jp }}\n\
         dispatch: {{ poll: 100ms, backoff_first: 500ms, backoff_max: 2s }}\n\
         retry: {{ first: 1s, max: 2s, attempts: 6, deadline: 1h, jitter: none }}\n\
         pacing: {{ presets: none }}\n\
         log: {{ level: error }}\n"
    )
}

/// The configuration as written: the caller's environment has no say in it.
pub(super) fn load(dir: &Path) -> Result<Config, ConfigError> {
    Config::load(Some(&dir.join("owabi.yaml")), &Environment::default())
}

/// A relay with the trouble of an ordinary day: one carrier defers everybody once, some members are unknown, a
/// connection breaks before a body is sent.
pub(super) async fn relay(dir: &Path) -> io::Result<CaptureRelay> {
    let script = Script::new()
        .always(When::at(Point::Rcpt).share(20, 3), Then::reply(550, "5.1.1 User unknown"))
        .always(
            When::at(Point::Rcpt).domain("docomo.ne.jp").first_for_recipient(),
            Then::reply(450, "4.2.0 Please try again later"),
        )
        .once(When::at(Point::Data).nth(20), Then::Drop(Hangup::Fin, Moment::BeforeEffect));
    let maildir = Some(dir.join("mails"));
    CaptureRelay::start(CaptureOptions { script, maildir, keep: Keep::Counts, ..CaptureOptions::default() }).await
}
