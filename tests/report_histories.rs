//! Whatever happened to a notice in whatever order: the figures of its report add up to its roster.

use crate::support::postgres::{Database, Server};
use owabi::evidence::archive::Archive;
use owabi::evidence::bundle::{Wanted, write};
use owabi::evidence::check::{Outside, check};
use owabi::report::{Report, html, sections, text};
use owabi_core::address::Lang;
use owabi_core::ids::Keys;
use owabi_core::ledger::SealKey;
use owabi_core::lifecycle::Status;
use owabi_core::member::Member;
use owabi_core::reply::Reply;
use owabi_core::yaml::Span;
use owabi_store::{BatchRecord, Claimed, Group, Intent, NewRow, OpenOptions, ReleaseRecord, Settle, Store, Totals};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sqlx::AssertSqlSafe;
use std::io::Cursor;

const NOTICE: &str = "n1";
const LEASE: i64 = 600_000;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Lines: new members, without address, further ones of a member, refused.
    Import(usize, usize, i64, i64),
    OwnRow,
    Release,
    Claim(i64),
    /// What becomes of everything that is under way.
    Settle(&'static str),
    Crash,
    Bounce(i64),
    Deliver(i64),
    Withdraw,
    Resend(i64),
    Letter(i64),
    Revoke,
    Publish,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0_usize..6, 0_usize..3, 0_i64..3, 0_i64..3).prop_map(|(a, b, c, d)| Event::Import(a, b, c, d)),
        1 => Just(Event::OwnRow),
        3 => Just(Event::Release),
        4 => (1_i64..5).prop_map(Event::Claim),
        4 => prop::sample::select(vec!["accepted", "accepted", "failed", "deferred", "in_doubt"]).prop_map(Event::Settle),
        1 => Just(Event::Crash),
        2 => (1_i64..3).prop_map(Event::Bounce),
        2 => (1_i64..3).prop_map(Event::Deliver),
        1 => Just(Event::Withdraw),
        2 => (1_i64..4).prop_map(Event::Resend),
        2 => (1_i64..3).prop_map(Event::Letter),
        1 => Just(Event::Revoke),
        1 => Just(Event::Publish),
    ]
}

/// A notice whose history is being made, and what the test itself knows of it.
struct History {
    store: Store,
    postgres: Option<Database>,
    url: String,
    _folder: tempfile::TempDir,
    now: i64,
    under_way: Vec<Claimed>,
    lines: i64,
    members: i64,
}

impl History {
    async fn new(postgres: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let postgres = postgres.then(|| Server::shared().database());
        let file = format!("sqlite:{}", folder.path().join("owabi.db").display());
        let url = postgres.as_ref().map_or(file, |database| database.url().to_owned());
        let store = Store::open(&OpenOptions::new(url.clone())).await.unwrap();
        store.know_notice(NOTICE, "title", 1).await.unwrap();
        let (now, under_way, lines, members) = (1_000, Vec::new(), 0, 0);
        Self { store, postgres, url, _folder: folder, now, under_way, lines, members }
    }

    async fn sql(&self, text: String) {
        if let Some(database) = &self.postgres {
            database.psql(&text);
            return;
        }
        let pool = sqlx::SqlitePool::connect(&self.url).await.unwrap();
        sqlx::query(AssertSqlSafe(text)).execute(&pool).await.unwrap();
        pool.close().await;
    }

    async fn happens(&mut self, event: Event) {
        self.now += 70_000;
        let now = self.now;
        match event {
            Event::Import(new, lost, merged, refused) => self.import(new, lost, merged, refused).await,
            Event::OwnRow => {
                self.members += 1;
                self.sql(format!("INSERT INTO affected_members (notice_id, member_no, name, email) VALUES ('n1', 'own{now}', 'x', 'o{now}@example.jp')")).await;
            }
            Event::Release => self.release().await,
            Event::Claim(n) => self.claim(n).await,
            Event::Settle(outcome) => self.settle(outcome).await,
            Event::Crash => {
                self.under_way.clear();
                self.store.take_over(&[(NOTICE.to_owned(), Some(60_000))], i64::MAX, now).await.unwrap();
                self.store.send_again(86_400_000, now + 30_000).await.unwrap();
            }
            Event::Bounce(n) => self.sql(some("UPDATE affected_members SET status = 'bounced', reason = 'bad_address'", "'accepted', 'delivered'", n)).await,
            Event::Deliver(n) => self.sql(some("UPDATE affected_members SET status = 'delivered'", "'accepted', 'in_doubt'", n)).await,
            Event::Withdraw => {
                self.store.withdraw_open(NOTICE, "why", "test", now).await.unwrap();
            }
            Event::Resend(n) => self.resend(n).await,
            Event::Letter(n) => {
                let insert = format!("INSERT INTO substitutes (notice_id, member_id, kind, on_day, actor, at) SELECT 'n1', id, 'letter', '2026-01-01', 'test', {now} FROM affected_members");
                self.sql(some(&insert, "'failed', 'bounced', 'unreachable', 'withdrawn', 'accepted'", n)).await;
            }
            Event::Revoke => self.sql(format!("INSERT INTO substitutes (notice_id, member_id, kind, revokes, on_day, actor, at) SELECT 'n1', member_id, 'revoked', id, '2026-01-02', 'test', {now} FROM substitutes WHERE kind <> 'revoked' AND id NOT IN (SELECT revokes FROM substitutes WHERE revokes IS NOT NULL) ORDER BY id LIMIT 1")).await,
            Event::Publish => self.sql(format!("INSERT INTO substitutes (notice_id, kind, on_day, url, actor, at) VALUES ('n1', 'published', '2026-01-01', 'https://example.jp/', 'test', {now})")).await,
        }
    }

    async fn import(&mut self, new: usize, lost: usize, merged: i64, refused: i64) {
        let row = |n: usize| NewRow {
            member: Member {
                member_no: format!("M{}-{n}", self.now),
                name: "山田".into(),
                email: (n < new).then(|| format!("u{n}@example.jp")),
                ..Member::default()
            },
            given_email: "x".into(),
            unreachable: (n >= new).then(|| "blank".into()),
        };
        let rows: Vec<NewRow> = (0..new + lost).map(row).collect();
        let batch = BatchRecord {
            id: format!("b{}", self.now),
            notice_id: NOTICE.into(),
            notice_title: "title".into(),
            actor: "test".into(),
            file_name: "roster.csv".into(),
            file_sha256: "00".into(),
            encoding: "utf-8".into(),
            at: self.now,
        };
        let mut import = self.store.begin_import(batch).await.unwrap();
        import.write(&rows, &[]).await.unwrap();
        let [imported, unreachable] = [new, lost].map(|n| i64::try_from(n).unwrap());
        let lines = imported + unreachable + merged + refused;
        import.commit(Totals { lines, imported, unreachable, merged, refused, ..Totals::default() }).await.unwrap();
        self.lines += lines;
        self.members += imported + unreachable;
    }

    async fn release(&self) {
        let held = self.store.held_roster(NOTICE).await.unwrap();
        if held.rows > 0 {
            let record = ReleaseRecord {
                notice_id: NOTICE,
                fingerprint: "f",
                roster_hash: &held.hash,
                definition: "d",
                policy: "{}",
                rows: held.rows,
            };
            self.store.release(record, "test", self.now).await.unwrap();
        }
    }

    async fn claim(&mut self, n: i64) {
        let rows = self.store.claim(NOTICE, self.now, LEASE * 1_000, n).await.unwrap();
        let intents = rows.iter().map(intent).collect();
        self.store.record(&Group { intents, settles: vec![] }, self.now, self.now, false).await.unwrap();
        self.under_way.extend(rows);
    }

    async fn settle(&mut self, outcome: &'static str) {
        let now = self.now;
        let settles: Vec<Settle> = self.under_way.drain(..).map(|row| settle(&row, outcome, now)).collect();
        self.store.record(&Group { intents: vec![], settles }, now, now, false).await.unwrap();
    }

    async fn resend(&self, n: i64) {
        let now = self.now;
        let which = "'failed', 'bounced', 'withdrawn', 'accepted'";
        self.sql(format!("INSERT INTO batches (id, notice_id, kind, actor, reason, selection, at) VALUES ('r{now}', 'n1', 'resend', 'test', 'why', '{{}}', {now})")).await;
        self.sql(some(&format!("INSERT INTO resends (member_id, round, batch_id, at, status_before, reason_before, tries_before, fingerprint) SELECT id, round + 1, 'r{now}', {now}, status, reason, tries, 'f' FROM affected_members"), which, n)).await;
        self.sql(format!("UPDATE affected_members SET status = 'queued', round = round + 1, due_at = {now}, queued_at = {now}, attempts = 0, reason = NULL WHERE id IN (SELECT member_id FROM resends WHERE batch_id = 'r{now}')")).await;
    }

    /// What a bundle of this moment says is what its ledger says.
    async fn is_evident(&self) {
        let (keys, seal_key) = (Keys::new(&[7; 32]).unwrap(), SealKey::from_octets(&[9; 32]));
        let mut snapshot = self.store.snapshot().await.unwrap();
        let quiet = Span::days(5);
        let report =
            Report::of_snapshot(&self.store, &mut snapshot, NOTICE, quiet, "協会".into()).await.unwrap().unwrap();
        let report = [html::page(&report, Lang::Ja), report.document().to_string()];
        let report = Some([report[0].as_str(), report[1].as_str()]);
        let wanted = Wanted { notice_id: NOTICE, full: false, keys: &keys, seal_key: &seal_key, report, damage: None };
        let mut bundle = Cursor::new(Vec::new());
        write(&mut bundle, &mut snapshot, &wanted).await.unwrap();
        let verdict = check(Archive::of(bundle.into_inner().into()), &Outside::default());
        assert_eq!((verdict.first_bad, verdict.members), (None, self.members.unsigned_abs()));
    }

    /// Every figure of the report against every other, and against what the test knows.
    async fn adds_up(&self) {
        let made = ("協会".to_owned(), "test".to_owned(), self.now);
        let report = Report::read(&self.store, NOTICE, Span::days(5), made).await.unwrap().unwrap();
        let figures = &report.figures;
        assert!(figures.wrong.is_empty(), "{:?}", figures.wrong);
        assert_eq!((figures.members, figures.lines.lines), (self.members, self.lines));
        let counts = self.store.counts().await.unwrap().remove(NOTICE).unwrap_or_default();
        assert_eq!(figures.by_status, counts);
        let document = report.document();
        let parts = document["notified"].as_object().unwrap().values().map(|n| n.as_i64().unwrap()).sum::<i64>();
        assert_eq!(parts, self.members);
        let reasons =
            document["reasons"].as_array().unwrap().iter().map(|row| row["count"].as_i64().unwrap()).sum::<i64>();
        assert_eq!(reasons + figures.notified.by_mail, self.members);
        assert_eq!(figures.first_told.is_some(), figures.notified.by_mail > 0);
        for lang in [Lang::Ja, Lang::En] {
            let (page, said) = (html::page(&report, lang), text::page(&report, lang, false));
            assert!(page.ends_with("</html>\n") && said.lines().count() > sections(&report).len());
        }
    }
}

/// `n` members who stand at one of these statuses, with the words that do something to them.
fn some(what: &str, statuses: &str, n: i64) -> String {
    format!(
        "{what} WHERE id IN (SELECT id FROM affected_members WHERE status IN ({statuses}) AND (tries > 0 OR status IN ('unreachable', 'withdrawn')) ORDER BY id DESC LIMIT {n})"
    )
}

fn intent(row: &Claimed) -> Intent {
    Intent {
        id: row.id,
        fence: row.fence,
        relay: "main".into(),
        rcpt_to: "u@example.jp".into(),
        message_id: format!("m{}", row.id),
        envid: "e".into(),
        mail_sha256: "ab".into(),
        mail_bytes: 100,
    }
}

fn settle(row: &Claimed, outcome: &'static str, at: i64) -> Settle {
    let status = match outcome {
        "accepted" => Status::Accepted,
        "failed" => Status::Failed,
        "deferred" => Status::Queued,
        _ => Status::InDoubt,
    };
    Settle {
        id: row.id,
        fence: row.fence,
        at,
        outcome: outcome.into(),
        status,
        due_at: matches!(status, Status::Queued | Status::InDoubt).then_some(at),
        spent: true,
        reason: (status == Status::Failed).then(|| "bad_address".into()),
        plain_form: false,
        phase: Some("dot".into()),
        reply: Some(Reply::new(250, "2.0.0 Ok")),
        detail: None,
        tls: None,
        duration_ms: 5,
    }
}

fn live(events: &[Event], postgres: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut history = History::new(postgres).await;
        history.adds_up().await;
        for event in events {
            history.happens(*event).await;
        }
        history.adds_up().await;
        history.is_evident().await;
        history.store.close().await;
    });
}

/// The same histories each time; others with `OWABI_SOAK=full`.
fn config(cases: u32) -> ProptestConfig {
    let seed = if std::env::var("OWABI_SOAK").is_ok() { std::process::id().into() } else { 2022 };
    ProptestConfig {
        cases,
        max_shrink_iters: 40,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn whatever_happens_the_figures_of_the_report_add_up_to_the_roster_on_sqlite(events in prop::collection::vec(event(), 10..60)) {
        live(&events, false);
    }
}

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn whatever_happens_the_figures_of_the_report_add_up_to_the_roster_on_postgres(events in prop::collection::vec(event(), 10..40)) {
        live(&events, true);
    }
}
