//! A small association: a private folder with a configuration, one notice, a queue, and a scripted capture relay.

use owabi::config::{Config, Environment};
use owabi::dispatch::{self, Live, Options, Parts, Summary};
use owabi::library::Library;
use owabi_core::ids::Keys;
use owabi_core::lifecycle::Status;
use owabi_core::member::Member;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use owabi_smtp::relay::{Deadlines, Relay};
use owabi_store::{BatchRecord, LogFilter, LogRow, NewRow, OpenOptions, ReleaseRecord, Store, Totals};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
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
policy: { approvals_required: 0, in_doubt: { resend_after: 1s } }
"#;

/// One association with one notice.
pub(crate) struct World {
    /// Removed when the world ends.
    _dir: tempfile::TempDir,
    pub(crate) relay: CaptureRelay,
    pub(crate) store: Store,
    pub(crate) config: Config,
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
        let world = Self { _dir: dir, relay, store, config };
        world.fill(addresses).await;
        world
    }

    async fn fill(&self, addresses: &[String]) {
        self.store.know_notice(NOTICE, "お詫びとご報告", 1).await.unwrap();
        let rows: Vec<NewRow> = addresses.iter().enumerate().map(|(n, address)| member(n, address)).collect();
        let batch = BatchRecord {
            id: "b1".into(),
            notice_id: NOTICE.into(),
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
        let record = ReleaseRecord { notice_id: NOTICE, fingerprint: &fingerprint, roster_hash: "r", definition: "{}" };
        self.store.release(record, "test", owabi::clock::now_ms()).await.unwrap();
    }

    /// The relays as the dispatcher gets them, with short deadlines.
    pub(crate) fn relays(&self) -> Vec<Relay> {
        let second = Duration::from_secs(1);
        let deadlines = Deadlines {
            connect: second,
            greeting: second,
            ehlo: second,
            tls: second,
            auth: second,
            mail: second,
            rcpt: second,
            data: second,
            body_block: second,
            dot: second,
            quit: second,
        };
        let relay = |relay: &owabi::config::Relay| Relay {
            messages_per_connection: relay.messages_per_connection,
            in_flight: relay.in_flight as usize,
            chunking: relay.chunking,
            deadlines,
            ..Relay::new(relay.name.clone(), relay.host.clone(), relay.port())
        };
        self.config.smtp.relays.iter().map(relay).collect()
    }

    /// Runs the dispatcher until nothing is due.
    pub(crate) async fn run(&self) -> Summary {
        self.run_with(Options { until_idle: true }, CancellationToken::new()).await
    }

    /// Runs the dispatcher.
    pub(crate) async fn run_with(&self, options: Options, stop: CancellationToken) -> Summary {
        let library = Arc::new(Library::load(&self.config));
        let keys = Keys::new(&[7; 32]).unwrap();
        let parts = Parts { relays: self.relays(), store: self.store.clone(), library, keys };
        let live = Live::default();
        dispatch::run(&self.config, parts, options, live, stop).await.unwrap()
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

fn write_files(dir: &Path, port: u16, more: &str) {
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
    let config = format!(
        "database: {{ url: \"sqlite:owabi.db\" }}\nnotices: {{ dir: notices, templates: templates }}\n{relays}\nretry: {{ first: 1s, max: 2s, attempts: 3, deadline: 1h }}\ndispatch: {{ backoff_first: 200ms, backoff_max: 1s, poll: 100ms, stop_timeout: 3s }}\n"
    );
    std::fs::write(dir.join("owabi.yaml"), config).unwrap();
}
