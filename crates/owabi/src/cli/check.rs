//! `check`: everything that `run` would trip over, seen before it runs.

mod alerts;
mod receipts;
mod yours;

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::{Session, moved, open_store};
use super::trouble;
use crate::config::{Config, Target};
use crate::ledger::key;
use crate::library::Library;
use crate::{keys, relays};
use owabi_core::lifecycle::Status;
use owabi_core::render::{Renderer, Stamp};
use owabi_smtp::relay::Relay;
use owabi_store::{Server, Store, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The options of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi check
  owabi check --connect        also the relays: EHLO, TLS, login, size limit; and a PostgreSQL server

Exit 78: something must be corrected. Exit 69: a relay or the database cannot be reached.")]
pub(super) struct Options {
    /// Connect to every relay and to PostgreSQL; no mail is sent
    #[arg(long)]
    connect: bool,
}

/// Where members stand to whom a mail may still be sent.
const OPEN: [Status; 3] = [Status::Queued, Status::Sending, Status::InDoubt];

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
        match exit {
            Exit::Unavailable | Exit::TryAgain => self.unavailable = true,
            _ => self.bad_config = true,
        }
        if let Some(kept) = &mut self.quietly {
            return kept.push(what.en.clone());
        }
        session.tell(&what.led_by("×", "x"));
        self.problems.push(json!({ "area": area, "message": what.of(session.lang()), "warning": false }));
    }

    fn warning(&mut self, session: &Session, area: &str, what: &Text) {
        if self.quietly.is_some() {
            return;
        }
        session.tell(&what.led_by("△", "!"));
        self.problems.push(json!({ "area": area, "message": what.of(session.lang()), "warning": true }));
    }

    fn failure(&mut self, session: &Session, area: &str, failure: &Failure) {
        self.problem(session, failure.exit, area, &failure.what);
        if let Some(next) = failure.next.as_ref().filter(|_| self.quietly.is_none()) {
            session.tell(&next.led_by("  →", "  →"));
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
    yours::check(session, &config, &mut found);
    if let Err(error) = config.check_secrets() {
        found.failure(session, "configuration", &error.into());
    }
    let library = Library::load(&config);
    check_notices(session, &library, &mut found);
    let database = check_database(session, &config, &library, options.connect, &mut found).await;
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
    receipts::check(session, &config, options.connect, &mut found).await;
    alerts::check(session, &config, &mut found);
    Ok(finish(session, &found, &reached, database.as_ref()))
}

/// What must be corrected in a configuration that could be read, without asking anybody but the open queue. In English.
pub(super) async fn wrong(session: &Session, config: &Config, library: &Library, store: &Store) -> Vec<String> {
    let mut found = Found { quietly: Some(Vec::new()), ..Found::default() };
    check_notices(session, library, &mut found);
    alerts::check(session, config, &mut found);
    if let Err(error) = check_released(session, store, library, &mut found).await {
        found.failure(session, "database", &error.into());
    }
    found.quietly.unwrap_or_default()
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

/// A SQLite file is always looked at; a PostgreSQL server only with `--connect`, as the relays.
async fn check_database(
    session: &Session,
    config: &Config,
    library: &Library,
    connect: bool,
    found: &mut Found,
) -> Option<Value> {
    if !connect && matches!(config.database.target(), Some(Target::Postgres(_))) {
        session.tell(&say!(
            ja: "・ データベースと鍵の照合は `owabi check --connect` で調べます。",
            en: "- the database, and whether the key is its own, are checked with `owabi check --connect`"
        ));
        if let Err(error) = key::look_at_file(config) {
            found.failure(session, "ledger", &error.into());
        }
        return None;
    }
    let store = match open_store(config, false).await {
        Ok(store) => store,
        Err(failure) => {
            found.failure(session, "database", &failure);
            return None;
        }
    };
    match store.moved_to().await {
        Ok(None) => {}
        Ok(Some(to)) => found.failure(session, "database", &moved(&to)),
        Err(error) => found.failure(session, "database", &error.into()),
    }
    if let Err(error) = store.check_integrity().await {
        found.failure(session, "database", &error.into());
    }
    if let Err(error) = keys::load(config, &store).await {
        found.failure(session, "keys", &error.into());
    }
    if let Err(error) = key::look(config, &store).await {
        found.failure(session, "ledger", &error.into());
    }
    warn_of_nobody(session, &store, found).await;
    if let Err(error) = check_released(session, &store, library, found).await {
        found.failure(session, "database", &error.into());
    }
    let seen = look_at_server(session, &store, found).await;
    store.close().await;
    seen.unwrap_or_else(|error| {
        found.failure(session, "database", &error.into());
        None
    })
}

/// A released notice whose files are not those that were released is not sent.
async fn check_released(
    session: &Session,
    store: &Store,
    library: &Library,
    found: &mut Found,
) -> Result<(), StoreError> {
    let counts = store.counts().await?;
    for row in store.notices().await?.iter().filter(|row| matches!(row.state.as_str(), "released" | "paused")) {
        let id = &row.id;
        let open = |of: &BTreeMap<Status, i64>| OPEN.iter().any(|status| of.get(status).is_some_and(|n| *n > 0));
        if !library.is_as_released(row) && counts.get(id).is_some_and(open) {
            let what = say!(
                ja: "解禁済みの「{id}」のファイルが、解禁時のものと違うか、読めません。このままでは送信されません。承認時の内容に戻してください。",
                en: "{id} is released, and its files are not those that were released, or cannot be read: it is not sent. Restore them as they were approved"
            );
            found.problem(session, Exit::BadConfig, "notice", &what);
        }
    }
    Ok(())
}

/// Without users everybody who may start owabi may do everything.
async fn warn_of_nobody(session: &Session, store: &Store, found: &mut Found) {
    match store.users().await {
        Ok(users) if users.iter().all(|user| user.disabled) => found.warning(
            session,
            "users",
            &say!(
                ja: "利用者が登録されていません。owabi を動かせる人は、だれでもすべての操作ができます。`owabi user add 氏名 --role admin` で登録できます。",
                en: "no users are defined: everybody who can start owabi may do everything. Define them with `owabi user add NAME --role admin`"
            ),
        ),
        Ok(_) => {}
        Err(error) => found.failure(session, "database", &error.into()),
    }
}

/// What a PostgreSQL server says about itself.
async fn look_at_server(session: &Session, store: &Store, found: &mut Found) -> Result<Option<Value>, StoreError> {
    let Some(server) = store.server().await? else { return Ok(None) };
    let Server { version, database, tls, read_only, durability } = server;
    let schema = store.schema_version().await?;
    if read_only {
        let what = say!(
            ja: "データベース {database} は読み取り専用です(スタンバイ、または default_transaction_read_only)。",
            en: "the database {database} is read-only: a standby, or default_transaction_read_only is on"
        );
        found.problem(session, Exit::Unavailable, "database", &what);
    }
    for what in durability {
        found.warning(session, "database", &trouble::durability(what));
    }
    let shown = tls.as_deref().unwrap_or("none");
    session.tell(&say!(
        ja: "○ データベース {database}: PostgreSQL {version}、TLS {shown}、スキーマ {schema}",
        en: "ok database {database}: PostgreSQL {version}, TLS {shown}, schema {schema}"
    ));
    Ok(Some(json!({ "name": database, "version": version, "tls": tls, "schema": schema })))
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
