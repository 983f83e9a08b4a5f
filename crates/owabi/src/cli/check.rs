//! `check`: everything that `run` would trip over, seen before it runs.

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::{Session, open_store};
use crate::config::Config;
use crate::library::Library;
use crate::{keys, relays};
use owabi_core::render::{Renderer, Stamp};
use owabi_smtp::relay::Relay;
use serde_json::{Value, json};

/// The options of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi check
  owabi check --connect        also the relays: EHLO, TLS, login, size limit

Exit 78: something must be corrected. Exit 69: a relay or the database cannot be reached.")]
pub(super) struct Options {
    /// Connect to every relay; no mail is sent
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
        match exit {
            Exit::Unavailable | Exit::TryAgain => self.unavailable = true,
            _ => self.bad_config = true,
        }
        session.tell(&what.led_by("×", "x"));
        self.problems.push(json!({ "area": area, "message": what.of(session.lang()), "warning": false }));
    }

    fn warning(&mut self, session: &Session, area: &str, what: &Text) {
        session.tell(&what.led_by("△", "!"));
        self.problems.push(json!({ "area": area, "message": what.of(session.lang()), "warning": true }));
    }

    fn failure(&mut self, session: &Session, area: &str, failure: &Failure) {
        self.problem(session, failure.exit, area, &failure.what);
    }
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let mut found = Found::default();
    let config = match session.config() {
        Ok(config) => config,
        Err(failure) => {
            found.failure(session, "configuration", &failure);
            return Ok(finish(session, &found, &[]));
        }
    };
    if let Err(error) = config.check_secrets() {
        found.failure(session, "configuration", &error.into());
    }
    let library = Library::load(&config);
    check_notices(session, &library, &mut found);
    check_database(session, &config, &mut found).await;
    let mut reached = Vec::new();
    match relays::relays(&config) {
        Ok(relays) if options.connect => {
            let largest = library.notices.values().map(|notice| largest(&notice.renderer)).max().unwrap_or(0);
            for relay in &relays {
                reached.extend(connect(session, relay, largest, &mut found).await);
            }
        }
        Ok(_) => {}
        Err(error) => found.failure(session, "configuration", &error.into()),
    }
    Ok(finish(session, &found, &reached))
}

fn finish(session: &Session, found: &Found, relays: &[Value]) -> Exit {
    if found.problems.is_empty() {
        session.tell(&say!(ja: "問題はありません。", en: "no problems"));
    }
    session.answer(&json!({ "problems": found.problems, "relays": relays }));
    match found {
        Found { bad_config: true, .. } => Exit::BadConfig,
        Found { unavailable: true, .. } => Exit::Unavailable,
        _ => Exit::Done,
    }
}

fn check_notices(session: &Session, library: &Library, found: &mut Found) {
    for problem in &library.problems {
        let text = Text::same(format!("{}: {}", problem.file, problem.message));
        if problem.warning {
            found.warning(session, "notice", &text);
        } else {
            found.problem(session, Exit::BadConfig, "notice", &text);
        }
    }
    for (id, notice) in &library.notices {
        let problems = match notice.renderer.check() {
            Ok(problems) => problems.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        };
        for problem in problems {
            found.problem(session, Exit::BadConfig, "notice", &Text::same(format!("{id}: {problem}")));
        }
    }
}

async fn check_database(session: &Session, config: &Config, found: &mut Found) {
    let store = match open_store(config, false).await {
        Ok(store) => store,
        Err(failure) => return found.failure(session, "database", &failure),
    };
    if let Err(error) = store.check_integrity().await {
        found.failure(session, "database", &error.into());
    }
    if let Err(error) = keys::load(config, &store).await {
        found.failure(session, "keys", &error.into());
    }
    store.close().await;
}

/// The largest mail that the made-up members get, in octets.
fn largest(renderer: &Renderer) -> usize {
    let stamp = Stamp { to: "member@example.jp", message_id: "check@example.jp", dated_at_ms: 0 };
    let sizes = renderer.samples().iter().filter_map(|member| renderer.mail(member, &stamp).ok());
    sizes.map(|mail| mail.bytes.len()).max().unwrap_or(0)
}

async fn connect(session: &Session, relay: &Relay, largest: usize, found: &mut Found) -> Option<Value> {
    let (name, host, port) = (&relay.name, &relay.host, relay.port);
    let connection = match owabi_smtp::open(relay).await {
        Ok(connection) => connection,
        Err(fault) => {
            let what =
                say!(ja: "中継サーバー {name}({host}:{port}): {fault}", en: "relay {name} ({host}:{port}): {fault}");
            found.problem(session, Exit::Unavailable, "relay", &what);
            return None;
        }
    };
    let offers = connection.capabilities().clone();
    let names = [
        ("PIPELINING", offers.pipelining),
        ("CHUNKING", offers.chunking),
        ("DSN", offers.dsn),
        ("8BITMIME", offers.eight_bit_mime),
        ("SMTPUTF8", offers.smtputf8),
        ("ENHANCEDSTATUSCODES", offers.enhanced_status_codes),
        ("SIZE", offers.size.is_some()),
    ];
    let extensions: Vec<&str> = names.iter().filter(|(_, offered)| *offered).map(|(name, _)| *name).collect();
    let tls = connection.tls().unwrap_or("none").to_owned();
    let limit = connection.max_size();
    connection.quit().await;
    if let Some(limit) = limit.filter(|limit| *limit < largest as u64) {
        let what = say!(
            ja: "中継サーバー {name} は {limit} バイトまでしか受け付けません。最大のメールは {largest} バイトです。",
            en: "relay {name} takes at most {limit} octets; the largest mail has {largest}"
        );
        found.problem(session, Exit::BadConfig, "relay", &what);
    }
    let list = extensions.join(" ");
    session.tell(&say!(
        ja: "○ 中継サーバー {name}({host}:{port}): TLS {tls}、{list}",
        en: "ok relay {name} ({host}:{port}): TLS {tls}, {list}"
    ));
    Some(json!({ "name": name, "tls": tls, "extensions": extensions, "max_size": limit, "largest_mail": largest }))
}
