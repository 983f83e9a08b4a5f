//! The database takes nothing while mails are under way: nothing more is sent, `/health` and `status` say so, no result
//! is lost, and all goes on by itself when it comes back.

use crate::support::audit;
use crate::support::postgres::Server;
use crate::support::program::{Program, Running};
use crate::support::site::mode;
use crate::support::world::{CAREFUL, PATIENCE, addresses, eventually};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Extensions, Moment, Point, Script, Then, When};
use serde_json::Value;
use sqlx::SqliteConnection;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output};
use std::time::Duration;

/// The point at which the relay holds still.
const HERE: &str = "here";
const MEMBERS: usize = 6;
/// Mails that the relay has taken when the database is locked, the one whose reply it holds back among them.
const TAKEN: u64 = 3;

/// A program at work whose database somebody else has locked, with the outcome of one mail in hand.
struct Outage {
    relay: CaptureRelay,
    program: Program,
    running: Running,
    lock: SqliteConnection,
    health: SocketAddr,
}

impl Outage {
    async fn begin() -> Self {
        let extensions = Extensions { chunking: false, ..Extensions::default() };
        let script =
            Script::new().once(When::at(Point::Dot).nth(TAKEN), Then::PauseUntil(HERE.into(), Moment::BeforeReply));
        let relay =
            CaptureRelay::start(CaptureOptions { extensions, script, ..CaptureOptions::default() }).await.unwrap();
        let more = format!("{CAREFUL}health: {{ listen: \"127.0.0.1:0\" }}\n");
        let program = Program::released(relay.addr().port(), &more, &addresses(MEMBERS));
        edit(&program, "sqlite:owabi.db\"", "sqlite:owabi.db\", busy_timeout: 200ms");
        let running = program.start(&["run"]);
        relay.wait_reached(HERE).await;
        let health = health_address(&program).await;
        let (code, said) = ask(health);
        assert_eq!((code, &said["status"], &said["database"]["ok"]), (200, &"ok".into(), &true.into()), "{said}");
        let mut lock = audit::connect(&program.url()).await;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
        relay.release(HERE);
        let outage = Self { relay, program, running, lock, health };
        let in_hand = async || {
            let (code, said) = ask(health);
            code == 503 && said["database"]["waiting_outcomes"] == 1 && said["claiming"]["ok"] == false
        };
        assert!(eventually(&in_hand).await, "{:?} {}", ask(health), outage.stderr());
        outage
    }

    async fn unlock(&mut self) {
        sqlx::query("ROLLBACK").execute(&mut self.lock).await.unwrap();
    }

    fn stderr(&self) -> String {
        stderr(&self.program)
    }

    /// Everybody was told once, at the first attempt, and the relay saw nothing twice.
    async fn all_told_once(&self) {
        let rows = self.program.rows().await;
        let told = |row: &audit::Row| (row.status, row.used, row.possible_duplicate) == (Status::Accepted, 1, false);
        assert!(rows.len() == MEMBERS && rows.iter().all(told), "{rows:?}");
        assert_eq!(self.relay.captured().len(), MEMBERS);
        self.program.audit(&self.relay).await;
    }
}

fn edit(program: &Program, from: &str, to: &str) {
    let text = std::fs::read_to_string(program.path("owabi.yaml")).unwrap();
    assert!(text.contains(from), "{text}");
    program.write("owabi.yaml", &text.replace(from, to));
}

fn stderr(program: &Program) -> String {
    std::fs::read_to_string(program.path("stderr.log")).unwrap()
}

/// Port 0 was asked for: the log says which one it is.
pub(crate) async fn health_address(program: &Program) -> SocketAddr {
    let said = || {
        let log = stderr(program);
        let line = log.lines().find(|line| line.contains("GET /health"))?;
        line.split("address=").nth(1)?.split_whitespace().next()?.parse().ok()
    };
    assert!(eventually(&async || said().is_some()).await, "{}", stderr(program));
    said().unwrap()
}

/// The code and the document of `GET /health`.
pub(crate) fn ask(health: SocketAddr) -> (u16, Value) {
    let mut stream = TcpStream::connect(health).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: owabi\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// Runs a verb that cannot make any file longer: the disk is full.
fn on_a_full_disk(program: &Program, arguments: &[&str]) -> Output {
    let command = program.command(arguments);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]).arg(command.get_program());
    shell.args(command.get_args()).env_clear().output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nothing_can_be_recorded_nothing_is_sent_and_it_is_said_until_it_can_be() {
    let mut outage = Outage::begin().await;
    let (_, said) = ask(outage.health);
    assert!(said["database"]["why"].as_str().unwrap().contains("locked"), "{said}");
    assert!(said["database"]["since"].as_str().unwrap().ends_with("+09:00"), "{said}");
    assert_eq!((&said["status"], &said["relays"][0]["up"]), (&"trouble".into(), &true.into()));
    assert!(!said.to_string().contains("example.jp"), "no address: {said}");
    // Long enough for several tries.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((outage.relay.stats().mails, ask(outage.health).0), (TAKEN, 503));
    let status = on_a_full_disk(&outage.program, &["--json", "status"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_else(|_| panic!("{status:?}"));
    assert_eq!(status["notices"][0]["counts"]["accepted"], TAKEN - 1, "status only reads: {status}");
    outage.unlock().await;
    assert!(eventually(&async || ask(outage.health).0 == 200).await, "{:?}", ask(outage.health));
    let done = async || outage.program.rows().await.iter().all(|row| row.status.is_final());
    assert!(eventually(&done).await, "{}", outage.stderr());
    let log = outage.stderr();
    for once in ["cannot record", "cannot claim", "the database takes writes again", "rows can be claimed again"] {
        assert_eq!(log.matches(once).count(), 1, "{once} is said once an outage: {log}");
    }
    outage.running.ask_to_stop();
    outage.all_told_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_nothing_can_be_recorded_keeps_the_outcome_for_the_next_run() {
    let mut outage = Outage::begin().await;
    outage.running.ask_to_stop();
    let stopped = outage.running.wait_here();
    let (log, spool) = (outage.stderr(), outage.program.spool());
    assert_eq!(stopped.code(), Some(69), "{log}");
    assert!(log.contains("2 outcomes are in the dispatch.spool file"), "{log}");
    let kept = std::fs::read_to_string(&spool).unwrap();
    let words: Vec<Value> =
        kept.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["outcome"].take()).collect();
    assert_eq!((mode(&spool), words), (0o600, vec!["accepted".into(), "not_sent".into()]), "one waited for its permit");
    assert_eq!(outage.program.output(&["run"]).status.code(), Some(75), "still locked");
    assert_eq!(std::fs::read_to_string(&spool).unwrap(), kept, "it stays until it is recorded");
    outage.unlock().await;
    outage.program.finish().await;
    assert!(!spool.exists() && !outage.program.spooled().iter().any(|name| name.contains(".late")));
    outage.all_told_once().await;
}

/// An installation on PostgreSQL, without members.
fn on_postgres(url: &str) -> Program {
    let program = Program::new(2525, "");
    edit(&program, "sqlite:owabi.db", url);
    program
}

#[test]
fn status_shows_the_daemons_of_a_shared_database_also_when_that_is_read_only() {
    let database = Server::shared().database();
    let program = on_postgres(database.url());
    assert_eq!(program.json(&["status"])["daemons"], serde_json::json!([]));
    database.psql(
        "INSERT INTO daemons SELECT id, 'hall', 7, '0.1.0', 1646179200000, \
         (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint - ago, '{\"relay:main:connections\": 4}' \
         FROM (VALUES ('d1', 0), ('d2', 60000)) AS seen(id, ago)",
    );
    let name: String = database.url().rsplit('/').next().unwrap().to_owned();
    database.psql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let said = program.json(&["status"]);
    let daemons: Vec<_> = said["daemons"].as_array().unwrap().iter().map(|one| (&one["id"], &one["alive"])).collect();
    assert_eq!(daemons, [(&"d1".into(), &true.into()), (&"d2".into(), &false.into())]);
    let text = String::from_utf8(program.output(&["status"]).stdout).unwrap();
    assert!(text.contains("at work") && text.contains(", main 4") && text.contains("not seen for 6"), "{text}");
}

#[test]
fn status_without_its_database_says_what_that_means() {
    let program = on_postgres("postgres://postgres@127.0.0.1:1/owabi");
    edit(&program, "127.0.0.1:1/owabi\"", "127.0.0.1:1/owabi\", busy_timeout: 1s");
    let said = program.output(&["--json", "status"]);
    assert_eq!(said.status.code(), Some(69), "{said:?}");
    let document: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(document["exit"], 69);
    assert!(document["error"]["next"].as_str().unwrap().contains("Nothing is sent meanwhile"), "{document}");
}
