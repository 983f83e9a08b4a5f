//! `check`: everything that `run` would trip over, seen before it runs.

mod alerts;
mod certificates;
mod database;
mod notices;
mod receipts;
mod relay;
mod seen;

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::Session;
use crate::config::Config;
use crate::library::Library;
use crate::relays;
use seen::{Seen, State};
use serde_json::{Value, json};

/// The options of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi check
  owabi check --connect        also the relays, step by step: name, TCP, greeting, EHLO, TLS and certificates, login,
                               size limit, and whether the bounce address is taken as sender and as recipient;
                               and a PostgreSQL server and the mailbox of receipts. No mail is sent

Exit 78: something must be corrected. Exit 69: a relay or the database cannot be reached.")]
pub(super) struct Options {
    /// Connect to every relay, to PostgreSQL and to the mailbox of receipts; no mail is sent
    #[arg(long)]
    connect: bool,
}

/// What was found.
#[derive(Default)]
struct Found {
    problems: Vec<Value>,
    bad_config: bool,
    unavailable: bool,
}

impl Found {
    fn problem(&mut self, session: &Session, exit: Exit, area: &str, what: &Text) {
        session.tell(&what.led_by("×", "x"));
        self.count(session, exit, area, what);
    }

    fn count(&mut self, session: &Session, exit: Exit, area: &str, what: &Text) {
        match exit {
            Exit::Unavailable | Exit::TryAgain => self.unavailable = true,
            _ => self.bad_config = true,
        }
        self.problems.push(json!({ "area": area, "message": what.of(session.lang()), "warning": false }));
    }

    fn warning(&mut self, session: &Session, area: &str, what: &Text) {
        session.tell(&what.led_by("△", "!"));
        self.count_warning(session, area, what);
    }

    fn count_warning(&mut self, session: &Session, area: &str, what: &Text) {
        self.problems.push(json!({ "area": area, "message": what.of(session.lang()), "warning": true }));
    }

    fn failure(&mut self, session: &Session, area: &str, failure: &Failure) {
        self.problem(session, failure.exit, area, &failure.what);
        if let Some(next) = &failure.next {
            session.tell(&next.led_by("  →", "  →"));
        }
    }

    /// Tells one thing that was looked at, of `whom`.
    fn look(&mut self, session: &Session, area: &str, whom: &str, seen: &Seen) {
        let (ja, en) = seen.state.marks();
        session.tell(&seen.line().led_by(ja, en));
        if let Some(next) = &seen.next {
            session.tell(&next.led_by("    →", "    →"));
        }
        let Text { ja, en } = &seen.what;
        let what = say!(ja: "{whom}: {ja}", en: "{whom}: {en}");
        match seen.state {
            State::Fine | State::Told => {}
            State::Warning => self.count_warning(session, area, &what),
            State::Failed(exit) => self.count(session, exit, area, &what),
        }
    }
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let mut found = Found::default();
    let config = match session.config() {
        Ok(config) => config,
        Err(failure) => {
            found.failure(session, "configuration", &failure);
            return Ok(finish(session, &found, &[], None));
        }
    };
    if let Err(error) = config.check_secrets() {
        found.failure(session, "configuration", &error.into());
    }
    let library = Library::load(&config);
    notices::check(session, &library, &mut found);
    let database = database::check(session, &config, &library, options.connect, &mut found).await;
    let reached = check_relays(session, &config, &library, options, &mut found).await;
    receipts::check(session, &config, options.connect, &mut found).await;
    alerts::check(session, &config, &mut found);
    Ok(finish(session, &found, &reached, database.as_ref()))
}

async fn check_relays(
    session: &Session,
    config: &Config,
    library: &Library,
    options: &Options,
    found: &mut Found,
) -> Vec<Value> {
    let mut reached = Vec::new();
    match relays::relays(config) {
        Ok(relays) if options.connect => {
            let envelope = relay::envelope(config, library);
            for relay in &relays {
                reached.push(relay::check(session, relay, &envelope, found).await);
            }
        }
        Ok(_) => {}
        Err(error) => found.failure(session, "configuration", &error.into()),
    }
    reached
}

fn finish(session: &Session, found: &Found, relays: &[Value], database: Option<&Value>) -> Exit {
    if found.problems.is_empty() {
        session.tell(&say!(ja: "問題はありません。", en: "no problems"));
    }
    session.answer(&json!({ "problems": found.problems, "relays": relays, "database": database }));
    match found {
        Found { bad_config: true, .. } => Exit::BadConfig,
        Found { unavailable: true, .. } => Exit::Unavailable,
        _ => Exit::Done,
    }
}
