//! Release control that a running daemon obeys: pause, withdrawal, hours, canary, breaker; and whom it tells.

mod alerts;
mod canary;
mod pause;
mod policies;
mod status;
mod window;

use crate::support::audit::{self, Row};
use crate::support::postgres::{Database, Server};
use crate::support::program::{Program, roster};
use crate::support::world::{NOTICE, addresses, eventually};
use owabi::clock::now_ms;
use owabi_core::lifecycle::Status;
use owabi_core::watch::minute_of_day;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Script};
use serde_json::Value;
use sqlx::Row as _;
use std::time::Duration;
use tokio::time::Instant;

/// Makes two tests of one function: `NAME::sqlite` and `NAME::postgres`.
macro_rules! on_both_databases {
    ($name:ident) => {
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(crate::release_control::Queue::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(crate::release_control::Queue::Postgres).await;
            }
        }
    };
}
pub(crate) use alerts::metrics;
pub(crate) use on_both_databases;

/// What a person decides holds within this.
const SOON: Duration = Duration::from_secs(2);

/// Waits for the next day if this one, in Japan, ends soon: what a test counts by the day is counted within one.
pub(crate) async fn well_before_midnight() {
    while minute_of_day(now_ms()) >= 24 * 60 - 4 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Where the queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Sqlite,
    Postgres,
}

/// An association whose notice has a policy, and a relay that follows a script.
pub(crate) struct Stage {
    pub(crate) relay: CaptureRelay,
    pub(crate) program: Program,
    database: Option<Database>,
    /// A moment after the relay began to count.
    began: Instant,
}

impl Stage {
    /// `policy` is written behind `approvals_required: 0`; `relay` are keys of the one relay, `more` further configuration.
    /// The queue is looked at once an hour.
    pub(crate) async fn new(queue: Queue, policy: &str, relay: &str, more: &str, script: Script) -> Self {
        let server = CaptureRelay::start(CaptureOptions { script, ..CaptureOptions::default() }).await.unwrap();
        let began = Instant::now();
        let more = format!(
            "smtp:\n  relays:\n    - {{ name: main, host: 127.0.0.1, port: PORT, tls: none, {relay} }}\n  bounce: {{ address: bounces@example.jp }}\n{more}\n"
        );
        let mut program = Program::new(server.addr().port(), &more);
        program.configure("poll: 20ms", "poll: 1h");
        let notice = std::fs::read_to_string(program.path("notices/leak.yaml")).unwrap();
        program.write("notices/leak.yaml", &notice.replace("breaker: off", policy));
        let database = (queue == Queue::Postgres).then(|| Server::shared().database());
        if let Some(database) = &database {
            program = program.on(database);
        }
        Self { relay: server, program, database, began }
    }

    /// The same with so many members released.
    pub(crate) async fn released(queue: Queue, policy: &str, relay: &str, script: Script, members: usize) -> Self {
        let stage = Self::new(queue, policy, relay, "", script).await;
        stage.release(members);
        stage
    }

    pub(crate) fn release(&self, members: usize) {
        self.program.import(&self.program.write("roster.csv", &roster(&addresses(members))));
        self.program.release();
    }

    /// Releases another notice, `other`, with the files that the first one has now.
    pub(crate) fn release_other(&self, members: usize) {
        let program = &self.program;
        let other = std::fs::read_to_string(program.path("notices/leak.yaml")).unwrap();
        program.write("notices/other.yaml", &other.replace("id: leak", "id: other"));
        std::fs::create_dir(program.path("templates/other")).unwrap();
        let (from, to) = (program.path("templates/leak"), program.path("templates/other"));
        for name in ["subject.txt.hbs", "body.txt.hbs", "body.html.hbs"] {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
        let roster = program.write("other.csv", &roster(&addresses(members)));
        program.json(&["import", roster.to_str().unwrap(), "--notice", "other", "--yes"]);
        program.json(&["preflight", "--notice", "other"]);
        program.json(&["release", "other", "--yes"]);
    }

    /// Since the relay began to count, at most.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed() + Duration::from_millis(50)
    }

    /// How many mails were complete later than this.
    pub(crate) fn mails_after(&self, when: Duration) -> usize {
        self.relay.captured().iter().filter(|mail| mail.at > when).count()
    }

    /// Waits until nothing is in memory any more: mails had at most two seconds to leave after `when`. They are counted, at
    /// `rate` a second and with those for which the relay was about to be asked (`under_way`): whatever stands still for a
    /// while makes mails later, but not more. And nothing follows.
    pub(crate) async fn stops_within_two_seconds(&self, when: Duration, (rate, under_way): (usize, usize)) {
        let none = async || self.count(Status::Sending).await == 0;
        assert!(eventually(&none).await, "what was in memory goes back: {}", self.program.said());
        let sent = self.relay.stats().mails;
        tokio::time::sleep(SOON).await;
        assert_eq!(self.relay.stats().mails, sent, "nothing follows");
        let late = self.mails_after(when);
        assert!(late <= 2 * rate + under_way, "{late} mails left later");
    }

    pub(crate) async fn count(&self, status: Status) -> usize {
        self.rows().await.iter().filter(|row| row.status == status).count()
    }

    pub(crate) async fn rows(&self) -> Vec<Row> {
        self.program.rows().await
    }

    pub(crate) fn status(&self) -> Value {
        self.program.json(&["status", NOTICE])["notices"][0].clone()
    }

    pub(crate) fn state(&self) -> String {
        self.status()["state"].as_str().unwrap().to_owned()
    }

    /// How many entries of this kind are in the ledger.
    pub(crate) async fn entries(&self, kind: &str) -> i64 {
        let text = "SELECT COUNT(*) FROM ledger WHERE kind = $1";
        if let Some(database) = &self.database {
            return database.psql(&text.replace("$1", &format!("'{kind}'"))).parse().unwrap();
        }
        let mut connection = audit::connect(&self.program.url()).await;
        sqlx::query(text).bind(kind).fetch_one(&mut connection).await.unwrap().get(0)
    }
}
