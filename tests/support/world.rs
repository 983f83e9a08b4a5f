//! A small association: a private folder with a configuration, one notice, a queue, and a scripted capture relay.

use super::audit::{self, Row};
use owabi::config::{Config, Environment};
use owabi::dispatch::{self, Live, Options, Parts, Summary};
use owabi::library::Library;
use owabi_core::ids::Keys;
use owabi_core::lifecycle::Status;
use owabi_core::member::Member;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Envelope, Extensions, Moment, Point, Script, Then, When};
use owabi_smtp::relay::{Deadlines, Relay};
use owabi_store::{BatchRecord, LogFilter, LogRow, NewRow, OpenOptions, ReleaseRecord, Store, Totals};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The notice that the small association sends.
pub(crate) const NOTICE: &str = "leak";

const NOTICE_YAML: &str = r#"
id: leak
title: お詫びとご報告
language: ja
from: { name: 試験協会, address: notice@example.jp }
reply_to: { name: 試験協会, address: desk@example.jp }
facts: { hotline: "0120-000-000" }
cohorts: []
roster: { columns: { member_no: [会員番号], name: [氏名], email: [メールアドレス] } }
allowed_urls: []
required_phrases: ["0120-000-000"]
policy: { approvals_required: 0, in_doubt: { resend_after: 300ms }, breaker: off }
"#;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// The relay of [`World::careful`]: one connection, one mail at a time, so that every step is exact.
pub(crate) const CAREFUL: &str = "smtp:\n  relays:\n    - { name: main, host: 127.0.0.1, port: PORT, tls: none, max_connections: 1, in_flight: 1 }\n  bounce: { address: bounces@example.jp }\n";

/// One association with one notice.
pub(crate) struct World {
    /// Removed when the world ends.
    dir: tempfile::TempDir,
    pub(crate) relay: CaptureRelay,
    pub(crate) store: Store,
    pub(crate) config: Config,
    /// What the dispatcher gets; a test may change it before a run.
    pub(crate) relays: Vec<Relay>,
}

impl World {
    /// A world whose members have these addresses, released and due.
    pub(crate) async fn with(addresses: &[String], options: CaptureOptions) -> Self {
        Self::configured(addresses, options, "").await
    }

    /// As [`World::with`], with further lines of configuration.
    pub(crate) async fn configured(addresses: &[String], options: CaptureOptions, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let relay = CaptureRelay::start(options).await.unwrap();
        write_files(dir.path(), relay.addr().port(), more);
        let config = Config::load(Some(&dir.path().join("owabi.yaml")), &Environment::of([("PATH", "")])).unwrap();
        let store = Store::open(&OpenOptions::new(config.database.url.clone())).await.unwrap();
        let relays = relays(&config);
        let world = Self { dir, relay, store, config, relays };
        world.fill(addresses).await;
        world
    }

    /// A world whose relay follows `script` and gets one mail at a time, by DATA.
    pub(crate) async fn careful(addresses: &[String], script: Script) -> Self {
        let extensions = Extensions { chunking: false, ..Extensions::default() };
        let options = CaptureOptions { extensions, script, keep_commands: 100_000, ..CaptureOptions::default() };
        Self::configured(addresses, options, CAREFUL).await
    }

    /// Lengthens the pauses of a relay, so that they can be counted: a run until idle gives up at the third failure, and
    /// whoever looks for it has seconds before the next one.
    pub(crate) fn lengthen_pauses(&mut self) {
        let dispatch = &mut self.config.dispatch;
        (dispatch.backoff_first, dispatch.backoff_max) = ("1s".parse().unwrap(), "1m".parse().unwrap());
    }

    /// The folder of the configuration.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Imports members with these addresses, and releases them.
    pub(crate) async fn fill(&self, addresses: &[String]) {
        let rows: Vec<NewRow> = addresses.iter().enumerate().map(|(n, address)| member(n, address)).collect();
        let batch = BatchRecord {
            id: "b1".into(),
            notice_id: NOTICE.into(),
            notice_title: "お詫びとご報告".into(),
            actor: "test".into(),
            file_name: "roster.csv".into(),
            file_sha256: "00".into(),
            encoding: "utf-8".into(),
            at: 1,
        };
        let mut import = self.store.begin_import(batch).await.unwrap();
        import.write(&rows, &[]).await.unwrap();
        let lines = i64::try_from(rows.len()).unwrap();
        import.commit(Totals { lines, imported: lines, ..Totals::default() }).await.unwrap();
        self.release().await;
    }

    /// Releases what is held.
    pub(crate) async fn release(&self) {
        let library = Library::load(&self.config);
        let notice = library.get(NOTICE).unwrap();
        let fingerprint = notice.renderer.fingerprint_hex();
        let held = self.store.held_roster(NOTICE).await.unwrap();
        let (roster_hash, rows) = (held.hash.as_str(), held.rows);
        let record = ReleaseRecord {
            notice_id: NOTICE,
            fingerprint: &fingerprint,
            roster_hash,
            definition: "{}",
            policy: "{}",
            rows,
        };
        self.store.release(record, "test", owabi::clock::now_ms()).await.unwrap();
    }

    /// Runs the dispatcher until nothing is due.
    pub(crate) async fn run(&self) -> Summary {
        self.run_with(Options { until_idle: true }, CancellationToken::new()).await
    }

    /// Runs the dispatcher.
    pub(crate) async fn run_with(&self, options: Options, stop: CancellationToken) -> Summary {
        let library = Arc::new(Library::load(&self.config));
        let keys = Keys::new(&[7; 32]).unwrap();
        let parts = Parts { relays: self.relays.clone(), store: self.store.clone(), library, keys };
        Box::pin(dispatch::run(&self.config, parts, options, Live::default(), stop)).await.unwrap()
    }

    /// Runs the dispatcher, retries and all, until every member is in a final state.
    pub(crate) async fn finish(&self) -> Summary {
        self.run_until(async || self.rows().await.iter().all(|row| row.status.is_final())).await
    }

    /// Runs the dispatcher until `done`, and stops it in order.
    pub(crate) async fn run_until(&self, done: impl AsyncFn() -> bool) -> Summary {
        let stop = CancellationToken::new();
        let watch = async {
            let came = eventually(&done).await;
            stop.cancel();
            came
        };
        let (summary, came) = tokio::join!(self.run_with(Options { until_idle: false }, stop.clone()), watch);
        assert!(
            came,
            "what was waited for did not come: {summary:?}\n{:#?}\n{:#?}",
            self.rows().await,
            self.log().await
        );
        summary
    }

    /// The queue table in the order of import.
    pub(crate) async fn rows(&self) -> Vec<Row> {
        audit::rows(&self.config.database.url).await
    }

    /// Does to the queue table what the association's own system might.
    pub(crate) async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&mut audit::connect(&self.config.database.url).await).await.unwrap();
    }

    /// See [`audit::audit`].
    pub(crate) async fn audit(&self) {
        let log: Vec<_> = self.log().await.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
        audit::audit(&self.rows().await, &log, &self.relay.captured());
    }

    /// How many members stand where.
    pub(crate) async fn counts(&self) -> BTreeMap<Status, i64> {
        self.store.counts().await.unwrap().remove(NOTICE).unwrap_or_default()
    }

    /// How many members stand at `status`.
    pub(crate) async fn count(&self, status: Status) -> i64 {
        self.counts().await.get(&status).copied().unwrap_or(0)
    }

    /// The whole delivery log.
    pub(crate) async fn log(&self) -> Vec<LogRow> {
        self.store.log_after(&LogFilter::default(), (0, 0), 1_000_000).await.unwrap()
    }
}

/// The relays of a configuration, with deadlines that do not pass: a test that waits for one makes that one short.
fn relays(config: &Config) -> Vec<Relay> {
    let relay = |relay: &owabi::config::Relay| Relay {
        messages_per_connection: relay.messages_per_connection,
        in_flight: relay.in_flight as usize,
        chunking: relay.chunking,
        deadlines: deadlines(PATIENCE),
        ..Relay::new(relay.name.clone(), relay.host.clone(), relay.port())
    };
    config.smtp.relays.iter().map(relay).collect()
}

/// The same time for every step.
pub(crate) fn deadlines(span: Duration) -> Deadlines {
    Deadlines {
        connect: span,
        greeting: span,
        ehlo: span,
        tls: span,
        auth: span,
        mail: span,
        rcpt: span,
        data: span,
        body_block: span,
        dot: span,
        quit: span,
    }
}

/// Waits for a condition; false when it does not come true in time.
pub(crate) async fn eventually(done: &impl AsyncFn() -> bool) -> bool {
    let came = tokio::time::timeout(PATIENCE, async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    came.await.is_ok()
}

/// A relay that confirms so many mails, and keeps its reply to each further one until `label` is released: what must
/// happen in the middle of sending happens there, however fast mails leave.
pub(crate) fn holds_after(mails: u64, label: &str) -> Script {
    also_holds_after(Script::new(), mails, label)
}

/// The same at one more point.
pub(crate) fn also_holds_after(script: Script, mails: u64, label: &str) -> Script {
    let complete = AtomicU64::new(0);
    let further = move |_: &Envelope| complete.fetch_add(1, Ordering::Relaxed) >= mails;
    script.always(When::at(Point::Dot).envelope(further), Then::PauseUntil(label.into(), Moment::BeforeReply))
}

/// `n` ordinary addresses.
pub(crate) fn addresses(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("u{n}@example.jp")).collect()
}

fn member(n: usize, address: &str) -> NewRow {
    let (member_no, name) = (format!("M{n:05}"), format!("山田 太郎{n}"));
    let email = Some(address.to_owned());
    NewRow {
        member: Member { member_no, name, email, ..Member::default() },
        given_email: address.into(),
        unreachable: None,
    }
}

/// Configuration, notice and templates. `more` is further configuration; one that names relays replaces the usual one
/// (`PORT` stands for the port), and one that says `retry:` the usual limits.
pub(crate) fn write_files(dir: &Path, port: u16, more: &str) {
    let templates = dir.join("templates").join(NOTICE);
    std::fs::create_dir_all(&templates).unwrap();
    std::fs::create_dir_all(dir.join("notices")).unwrap();
    std::fs::write(dir.join("notices/leak.yaml"), NOTICE_YAML).unwrap();
    std::fs::write(templates.join("subject.txt.hbs"), "【お詫び】個人情報の漏えいについて\n").unwrap();
    let text = "{{member.name}} 様\n\nお詫び申し上げます。\n窓口 {{facts.hotline}}\n";
    std::fs::write(templates.join("body.txt.hbs"), text).unwrap();
    let html = "<!DOCTYPE html><html lang=\"ja\"><body><p>{{member.name}} 様</p><p>お詫び申し上げます。</p><p>窓口 {{facts.hotline}}</p></body></html>\n";
    std::fs::write(templates.join("body.html.hbs"), html).unwrap();
    let relays = if more.contains("relays:") {
        more.replace("PORT", &port.to_string())
    } else {
        format!(
            "smtp:\n  relays:\n    - {{ name: main, host: 127.0.0.1, port: {port}, tls: none, max_connections: 4 }}\n  bounce: {{ address: bounces@example.jp }}\n{more}"
        )
    };
    let retry =
        if more.contains("retry:") { "" } else { "retry: { first: 50ms, max: 200ms, attempts: 3, deadline: 1h }" };
    let config = format!(
        "database: {{ url: \"sqlite:owabi.db\" }}\nnotices: {{ dir: notices, templates: templates }}\n{relays}\n{retry}\ndispatch: {{ backoff_first: 50ms, backoff_max: 200ms, poll: 20ms, stop_timeout: 3s }}\n"
    );
    std::fs::write(dir.join("owabi.yaml"), config).unwrap();
}
