//! `check`: everything that `run` would trip over, seen before it runs.

mod alerts;
mod certificates;
mod clear;
mod credentials;
mod database;
mod dns;
mod health;
mod notices;
mod receipts;
mod relay;
mod seen;
mod test_mail;
mod yours;

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::Session;
use crate::config::Config;
use crate::library::Library;
use crate::relays;
use crate::sender::dns::Dns;
pub(super) use credentials::unseen;
use owabi_core::yaml::Span;
use owabi_store::Store;
use seen::{Seen, State};
use serde_json::{Value, json};
use std::net::IpAddr;

/// The options of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi check
  owabi check --files
  owabi check --connect
  owabi check --connect --resolver system --sending-ip 192.0.2.1
  owabi check --connect --resolver 192.0.2.53 --test-mail

--files is what `systemctl reload owabi` does first: a large or busy queue does not hold it up.
--connect goes the way to each relay step by step: name, TCP, greeting, EHLO, TLS and certificates, login,
size limit, and whether the bounce address is taken as sender and as recipient. No mail is sent.
--resolver adds SPF, DMARC and MX of the sender's domains. --test-mail sends one mail to the bounce address
itself through each relay, waits for it where bounces arrive, and looks at its DKIM signature: docs/dkim.md.

Exit 78: something must be corrected. Exit 69: a relay, the database or the resolver cannot be reached.")]
pub(super) struct Options {
    /// Look at the configuration, the notices and what they name on disk alone: the database is not opened
    #[arg(long, conflicts_with = "connect")]
    files: bool,
    /// Connect to every relay, to PostgreSQL and to the mailbox of receipts; no mail is sent
    #[arg(long)]
    connect: bool,
    /// Ask this resolver about the sender's domains; `system` is that of /etc/resolv.conf. Without it nothing is asked, since
    /// the server may have no DNS
    #[arg(long, value_name = "IP[:PORT]", requires = "connect")]
    resolver: Option<Dns>,
    /// The address from which the relay's mails leave: does SPF cover it? May be repeated
    #[arg(long, value_name = "IP", requires = "resolver")]
    sending_ip: Vec<IpAddr>,
    /// A DKIM selector of the relay: is its key in the DNS? May be repeated
    #[arg(long, value_name = "S", requires = "resolver")]
    dkim_selector: Vec<String>,
    /// Send one mail to the bounce address itself through each relay, and look at its DKIM signature. With --resolver the
    /// signature is verified
    #[arg(long, requires = "connect")]
    test_mail: bool,
    /// How long to wait for the test mail
    #[arg(long, value_name = "SPAN", default_value = "60s", requires = "test_mail")]
    wait: Span,
}

/// What was found.
#[derive(Default)]
struct Found {
    problems: Vec<Value>,
    bad_config: bool,
    unavailable: bool,
    /// What must be corrected, for whoever does not ask on a terminal; then nothing is shown.
    quietly: Option<Vec<String>>,
}

impl Found {
    fn problem(&mut self, session: &Session, exit: Exit, area: &str, what: &Text) {
        if let Some(kept) = &mut self.quietly {
            return kept.push(what.en.clone());
        }
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
        if self.quietly.is_some() {
            return;
        }
        session.tell(&what.led_by("△", "!"));
        self.count_warning(session, area, what);
    }

    fn count_warning(&mut self, session: &Session, area: &str, what: &Text) {
        self.problems.push(json!({ "area": area, "message": what.of(session.lang()), "warning": true }));
    }

    fn failure(&mut self, session: &Session, area: &str, failure: &Failure) {
        self.problem(session, failure.exit, area, &failure.what);
        if let Some(next) = failure.next.as_ref().filter(|_| self.quietly.is_none()) {
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
            return Ok(finish(session, &found, &Told::default()));
        }
    };
    let sender = if options.test_mail { Some(test_mail::sender(session, &config).await?) } else { None };
    yours::check(session, &config, &mut found);
    let config = if options.connect {
        config
    } else {
        clear::check(session, &config, &mut found);
        credentials::set_aside(session, &config, &mut found)
    };
    if let Err(error) = config.check_authorities() {
        found.failure(session, "configuration", &error.into());
    }
    let secrets = config.check_secrets().and_then(|()| relays::relays(&config));
    let relays = secrets.unwrap_or_else(|error| {
        found.failure(session, "configuration", &error.into());
        Vec::new()
    });
    let library = Library::load(&config);
    notices::check(session, &library, &mut found);
    let mut told = Told::default();
    if !options.files {
        told.database = database::check(session, &config, &library, options.connect, &mut found).await;
    }
    if options.connect {
        let envelope = relay::envelope(&config, &library);
        for relay in &relays {
            told.relays.push(relay::check(session, relay, &envelope, &mut found).await);
        }
    }
    receipts::check(session, &config, options.connect, &mut found).await;
    alerts::check(session, &config, &mut found);
    health::check(session, &config, &mut found);
    if let Some(dns) = &options.resolver {
        let wanted = dns::Wanted { dns, sending: &options.sending_ip, selectors: &options.dkim_selector };
        told.dns = dns::check(session, &config, &library, &wanted, &mut found).await;
    }
    if let Some(sender) = &sender {
        let wanted = test_mail::Wanted { dns: options.resolver.as_ref(), wait: options.wait.duration() };
        told.test_mails =
            test_mail::check(session, (&config, &library), (sender, &relays), &wanted, &mut found).await?;
    }
    Ok(finish(session, &found, &told))
}

/// What must be corrected in a configuration that could be read, without asking anybody but the open queue. In English.
pub(super) async fn wrong(session: &Session, config: &Config, library: &Library, store: &Store) -> Vec<String> {
    let mut found = Found { quietly: Some(Vec::new()), ..Found::default() };
    notices::check(session, library, &mut found);
    alerts::check(session, config, &mut found);
    if let Err(error) = notices::check_released(session, store, library, &mut found).await {
        found.failure(session, "database", &error.into());
    }
    found.quietly.unwrap_or_default()
}

/// What `--json` has beside the problems.
#[derive(Default)]
struct Told {
    relays: Vec<Value>,
    database: Option<Value>,
    dns: Vec<Value>,
    test_mails: Vec<Value>,
}

fn finish(session: &Session, found: &Found, told: &Told) -> Exit {
    if found.problems.is_empty() {
        session.tell(&say!(ja: "問題はありません。", en: "no problems"));
    }
    let Told { relays, database, dns, test_mails } = told;
    session.answer(&json!({
        "problems": found.problems,
        "relays": relays,
        "database": database,
        "dns": dns,
        "test_mails": test_mails,
    }));
    match found {
        Found { bad_config: true, .. } => Exit::BadConfig,
        Found { unavailable: true, .. } => Exit::Unavailable,
        _ => Exit::Done,
    }
}
