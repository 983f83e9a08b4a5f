//! `doctor`: whether the host is fit for the queue. It changes nothing and shows no member.

mod database;
mod files;
mod host;
mod places;

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::Session;
use serde_json::{Value, json};

/// The options of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo -u owabi owabi doctor           as the user that owabi runs as: then permissions are those of the service
  owabi doctor --deep                  also reads through the whole database file (SQLite); takes minutes on a large one
  owabi doctor --json | jq '.findings[] | select(.level != \"ok\")'

It looks at disks, permissions, keys, the clock, limits, the database's file, spool files and the newest backup; what `owabi check`
looks at (configuration, notices, relays) it leaves to that. It changes nothing.
Exit codes: 0 nothing is wrong (△ may stand there), 1 something is (×), 78 the configuration cannot be read.")]
pub(super) struct Options {
    /// Read through the whole database and its indexes
    #[arg(long)]
    deep: bool,
}

/// How a finding is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Good,
    Careful,
    Bad,
}

/// One line, and what to do about it.
struct Finding {
    area: &'static str,
    level: Level,
    message: Text,
    next: Option<Text>,
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, area: &'static str, message: Text) {
        self.0.push(Finding { area, level: Level::Good, message, next: None });
    }

    fn careful(&mut self, area: &'static str, message: Text, next: Text) {
        self.0.push(Finding { area, level: Level::Careful, message, next: Some(next) });
    }

    fn bad(&mut self, area: &'static str, message: Text, next: Text) {
        self.0.push(Finding { area, level: Level::Bad, message, next: Some(next) });
    }

    fn failure(&mut self, area: &'static str, failure: Failure) {
        self.0.push(Finding { area, level: Level::Bad, message: failure.what, next: failure.next });
    }

    fn exit(&self) -> Exit {
        if self.0.iter().any(|finding| finding.level == Level::Bad) { Exit::Failed } else { Exit::Done }
    }
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let mut found = Findings::default();
    let need = database::look(&config, options.deep, session.now(), &mut found).await;
    places::look(&config, need, &mut found);
    files::look(&config, &mut found);
    host::look(&config, session.now(), &mut found);
    for finding in &found.0 {
        let (ja, en) = match finding.level {
            Level::Good => ("○", "ok"),
            Level::Careful => ("△", "!"),
            Level::Bad => ("×", "x"),
        };
        session.tell(&finding.message.led_by(ja, en));
        if let Some(next) = &finding.next {
            session.tell(&next.led_by("  →", "  →"));
        }
    }
    session
        .answer(&json!({ "findings": found.0.iter().map(|finding| document(session, finding)).collect::<Vec<_>>() }));
    Ok(found.exit())
}

fn document(session: &Session, finding: &Finding) -> Value {
    let Finding { area, level, message, next } = finding;
    let level = match level {
        Level::Good => "ok",
        Level::Careful => "warning",
        Level::Bad => "error",
    };
    let lang = session.lang();
    json!({ "area": area, "level": level, "message": message.of(lang), "next": next.as_ref().map(|next| next.of(lang)) })
}

/// For people: `512.0 MiB`.
fn mib(octets: u64) -> Text {
    let mib = octets as f64 / 1_048_576.0;
    say!(ja: "{mib:.1} MiB", en: "{mib:.1} MiB")
}
